"""A pass over what is stuck: what it does where the answer to a commit never comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.cut_connection import Cut, wire
from fixtures.replicas import configured
from fixtures.rescue import Scene
from fixtures.rescue_passes import rescue_pass_by
from fixtures.scrape import Exporter
from fixtures.waiting import until
from riverkeeper.config.load import Config
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.supervisor import rescue_pass
from riverkeeper.rescue.supervisor.rescue_pass import Candidate, Outcome, PassInput, find_candidates
from riverkeeper.scrape.reader import reader_settings

SLOW_PROBES = "1m"  # with half a second between probes, a busy machine would break the path before the pass
PROVEN = "UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 day', path_probe_at = now()"


def seen(scene: Scene, config: Config) -> tuple[list[Candidate], PassInput]:
    """A reading, and whom a pass may try by it."""
    scene.sql.execute(PROVEN)
    reader = Exporter(scene.url, reader_settings(config))
    snapshot = reader.read(9.0)
    reader.close()
    assert snapshot.verdicts is not None
    assert snapshot.now is not None
    found = find_candidates(snapshot.verdicts.stuck, config, config.rescue.mode, [], snapshot.now, supervisor=True)
    return list(found), PassInput.from_verdicts(snapshot.now, lease_clock(), snapshot.verdicts)


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_a_commit_of_unknown_outcome_is_reported_once_it_is_known(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: Cut
) -> None:
    """The audit knows which: what was committed is counted with the next pass, and what was not is done by it."""
    monkeypatch.setattr(rescue_pass, "RESCUE_SECONDS", 60.0)  # a busy machine must not end it before its COMMIT
    claims = [scene.stale() for _ in range(3)]
    with wire(scene.url) as (proxy, url):
        config = configured(tmp_path, url, interval=SLOW_PROBES)
        passing = rescue_pass_by(config)
        found, by = until(lambda: pair if len((pair := seen(scene, config))[0]) == 3 else None, "three candidates")
        with passing.connection.writing(9.0):
            pass  # what it looks for at first has a commit of its own
        proxy.cut = cut
        with pytest.raises(DatabaseError):
            list(passing.run(found, by, config))
        proxy.cut = Cut.NEVER
        outcomes: list[Outcome] = []

        def settled() -> bool:
            outcomes.extend(passing.run([], by, config))
            return not passing.unconfirmed

        until(settled, "the doubts to be settled")
        done = [outcome.claim.job_id for _, outcome in outcomes if isinstance(outcome, Rescued)]
        again = list(passing.run(*seen(scene, config), config))
        passing.connection.close()

    committed = [claim["job_id"] for claim in claims] if cut is Cut.AFTER else []
    assert sorted(done) == committed
    assert len(again) == 3 - len(committed)
    assert all(isinstance(outcome, Rescued) for _, outcome in again)
    assert [scene.rescues(claim) for claim in claims] == [1, 1, 1]


SLOW = """
INSERT INTO riverkeeper.brake (name, state)
VALUES ('mass_silence', jsonb_build_object(
    'slow_from', extract(epoch FROM now()), 'step', 0, 'step_at', extract(epoch FROM now())
))
"""


def test_dry_runs_that_are_held_hold_no_live_tier(scene: Scene, tmp_path: Path) -> None:
    """Their budgets are apart: in slow start the second dry run waits, and the live job behind it is rescued."""
    dry, live = [scene.stale(queue="dry") for _ in range(2)], scene.stale()
    scene.sql.execute(SLOW)
    config = configured(
        tmp_path, scene.url, others="dry: {mode: dry_run}", assign="{queue: dry, tier: dry}", interval=SLOW_PROBES
    )
    passing = rescue_pass_by(config)
    for _ in range(2):
        found, by = seen(scene, config)
        outcomes = list(passing.run(sorted(found, key=lambda candidate: not candidate.dry_run), by, config))
    passing.connection.close()

    assert [row["dry_run"] for row in scene.audit()] == [True, False]
    assert scene.rescues(live) == 1
    assert [
        outcome.refusal for candidate, outcome in outcomes if isinstance(outcome, Skipped) and candidate.dry_run
    ] == [
        Refusal.RECORDED,
        Refusal.BRAKE_MASS_SILENCE,
    ]
    assert {scene.job(claim)["state"] for claim in dry} == {"running"}
