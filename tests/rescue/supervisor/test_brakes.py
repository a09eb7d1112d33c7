"""Brakes as a pass reads them: under the leader's lock, from tables, by the reading's age, for each act."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.replicas import configured
from fixtures.rescue import Scene, open_brakes, opened
from fixtures.rescue_passes import rescue_pass_by
from riverkeeper.brakes.rules import Brake, EngagedBrake
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.request import BrakeCheck, Rescued
from riverkeeper.rescue.supervisor.rescue_pass import PassInput
from riverkeeper.verdict.verdict import VerdictSummary

OPEN = "UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now()"


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as scene:
        scene.sql.execute(OPEN)
        yield scene


def test_brakes_are_read_under_the_leader_s_lock(scene: Scene) -> None:
    """What another replica did until then is among the facts; read before the lock, it could be missing."""
    held: list[int] = []

    def brakes(tx: Transaction) -> BrakeCheck:
        locks = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted"
        held.append(scene.one(locks)["n"])
        return open_brakes(tx)

    assert isinstance(scene.rescue(scene.stale(), read_brakes=brakes), Rescued)
    assert held == [1]


class Pass:
    """A pass that has read a moment ago."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        config = configured(folder, scene.url)
        self.config = config
        self.passing = rescue_pass_by(config)
        since = scene.one("SELECT extract(epoch FROM path_ok_since)::float8 AS at FROM riverkeeper.control")["at"]
        self.view = PassInput(scene.now(), lease_clock(), VerdictSummary((), {}, (), (), frozenset(), since), {})

    def brake(self, view: PassInput, acts: int = 0, *, reported: bool = False) -> Brake | None:
        engaged = self.engaged(view, acts, reported=reported)
        return engaged and engaged[0]

    def engaged(self, view: PassInput, acts: int = 0, *, reported: bool = False) -> EngagedBrake | None:
        """The brake and its sentence."""
        with self.scene.keeping() as tx:
            return self.passing._brake_reader(view, self.config, dry_run=False, reported=reported)(tx)(acts)


@pytest.fixture
def made(scene: Scene, tmp_path: Path) -> Pass:
    return Pass(scene, tmp_path)


def test_the_older_of_both_ages_of_a_reading_counts(made: Pass) -> None:
    """By the database's clock and by ours: one of them may have stopped, or gone back, since."""
    view = made.view
    assert made.brake(view) is None
    assert made.brake(replace(view, read_at=view.read_at - 6)) is Brake.STALE_SNAPSHOT
    assert made.brake(replace(view, began_at=view.began_at - 6)) is Brake.STALE_SNAPSHOT


def test_a_way_that_broke_since_the_reading_holds(made: Pass) -> None:
    """The verdicts counted silence of a stretch that is over: the next reading judges anew."""
    made.scene.sql.execute("UPDATE riverkeeper.control SET path_ok_since = now()")

    engaged = made.engaged(made.view)

    assert engaged is not None
    assert engaged[0] is Brake.STALE_SNAPSHOT
    assert "broke after the scrape" in engaged[1]  # and not the age of the reading, on a machine that is busy


def test_a_pass_reads_the_brakes_from_the_tables(made: Pass) -> None:
    """The kill switch is engaged from its own commit on, whatever this replica has read before it."""
    made.scene.sql.execute("UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'ann'")
    assert made.brake(made.view) is Brake.KILL_SWITCH

    made.scene.sql.execute("UPDATE riverkeeper.control SET stopped_at = NULL")
    assert made.brake(made.view) is None


ENGAGED = """INSERT INTO riverkeeper.brake (name, engaged_at, sentence, state) VALUES ('mass_silence', now(), '9 of 10',
    jsonb_build_object('engaged_at', extract(epoch FROM now()), 'cause', 'silence', 'sentence', '9 of 10'))"""


def test_a_doubt_about_heartbeats_holds_no_claim_that_was_given_up(made: Pass) -> None:
    """Its client reported it: mass silence holds those that are called lost, and not this one; the kill switch does."""
    made.scene.sql.execute(ENGAGED)

    assert (made.brake(made.view), made.brake(made.view, reported=True)) == (Brake.MASS_SILENCE, None)
    made.scene.sql.execute("UPDATE riverkeeper.control SET stopped_at = now()")
    assert made.brake(made.view, reported=True) is Brake.KILL_SWITCH


def test_a_minute_s_budget_counts_the_acts_of_the_transaction(made: Pass) -> None:
    """Twenty-five jobs may go into one transaction, and the budget of a minute be five."""
    made.config = replace(made.config, rescue=replace(made.config.rescue, max_per_minute=5))

    assert [made.brake(made.view, acts) for acts in (0, 4, 5)] == [None, None, Brake.RATE]
