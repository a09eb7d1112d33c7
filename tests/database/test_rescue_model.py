"""A job's whole life in random order: the promises of DESIGN §8 hold after every step.

Promise 1: only the claim that was judged is changed. 2: no rescue while beats are fresh. 3: one rescue a claim.
4: finished work stays finished, and no late result reaches a newer attempt.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import sampled_from

from database.heartbeat_sql import Connection, connected
from database.rescue_model import RESULTS, Model, Work
from database.rescue_others import JOB_CANCEL, JOB_RETRY, RIVERS_RESCUE
from database.rescue_scene import Scene, staged
from riverkeeper.database import Database
from riverkeeper.demo.postgres import Server

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
EXAMPLES, STEPS = (20_000, 25) if LONG else (80, 25)
pytestmark = [pytest.mark.long] if LONG else []
WHICH = sampled_from([0, 0, 0, 1])  # the newest attempt, or the one before it: who else could disturb it?


class Life(RuleBasedStateMachine):
    """One job. Steps whose precondition fails do nothing."""

    scene: Scene
    second: Database
    clock: Connection
    seen: Counter[str]

    @initialize()
    def begin(self) -> None:
        self.model = Model(self.scene, self.second, self.clock)
        self.model.begin()
        self.fetch()

    def worker(self, which: int) -> Work | None:
        """The newest attempt's, or an older one's, if it can act at all."""
        works = self.model.works
        work = works[-1 - which] if len(works) > which else None
        return work if work is not None and work.alive and not work.cut_off else None

    @rule()
    def fetch(self) -> None:
        self.model.fetch()

    @rule(which=WHICH)
    def beat(self, which: int) -> None:
        if work := self.worker(which):
            self.model.beat(work)

    @rule(which=WHICH)
    def progress(self, which: int) -> None:
        work = self.worker(which)
        if work is not None and not work.over:
            self.model.progress(work)

    @rule(which=WHICH, outcome=sampled_from(sorted(RESULTS)))
    def finish(self, which: int, outcome: str) -> None:
        work = self.worker(which)
        if work is not None and not work.over:
            self.model.finish(work, outcome)

    @rule(which=WHICH)
    def flush(self, which: int) -> None:
        work = self.worker(which)
        if work is not None and work.result is not None:
            self.model.flush(work)

    @rule(which=WHICH)
    def die(self, which: int) -> None:
        if work := self.worker(which):
            work.alive, work.result = False, None

    @rule()
    def cut_off_or_reach_again(self) -> None:
        if self.model.works:
            self.model.works[-1].cut_off = not self.model.works[-1].cut_off

    @rule()
    def job_cancel(self) -> None:
        self.model.somebody(JOB_CANCEL)

    @rule()
    def job_retry(self) -> None:
        if self.model.somebody(JOB_RETRY):
            self.model.finished = False

    @precondition(lambda self: all(work.result is None for work in self.model.works))  # else it is River's own hazard
    @rule()
    def rivers_rescuer(self) -> None:
        self.model.somebody(RIVERS_RESCUE)

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([5.0, 12.0, 40.0, 40.0, 130.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.model.pass_time(seconds)

    @rule()
    def outage_ends(self) -> None:
        self.model.path = 0.0

    @rule()
    def look(self) -> None:
        self.model.look()

    @precondition(lambda self: self.model.found is not None)
    @rule()
    def rescue_what_was_found(self) -> None:
        assert self.model.found
        opened = self.model.open(self.model.found, self.second)
        opened.commit()
        self.seen[str(getattr(opened.outcome, "act", None) or opened.outcome)] += 1

    @rule()
    def rescue_now(self) -> None:
        self.model.look()
        if self.model.found is not None:
            self.rescue_what_was_found()

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([40.0, 130.0]))
    def fall_silent(self, seconds: float) -> None:
        """Nobody is heard for a while, and a keeper looks then."""
        self.model.pass_time(seconds)
        self.rescue_now()

    @precondition(lambda self: self.model.opened is None)
    @rule()
    def hang(self) -> None:
        """It told of progress once, beats on, and a keeper looks."""
        work = self.worker(0)
        if work is not None and not work.over:
            self.model.beat(work)
            self.model.progress(work)
            self.model.pass_time(70.0)
            self.model.beat(work)
            self.rescue_now()

    @precondition(lambda self: self.model.opened is None)
    @rule()
    def open_a_rescue(self) -> None:
        self.model.look()
        if self.model.found is not None:
            self.model.opened = self.model.open(self.model.found, self.scene.database)

    @precondition(lambda self: self.model.opened is not None)
    @rule(dies=sampled_from([False, False, True]))
    def end_the_open_rescue(self, dies: bool) -> None:
        assert self.model.opened
        opened, self.model.opened = self.model.opened, None
        if dies:
            opened.die()
        else:
            opened.commit()

    @invariant()
    def one_rescue_a_claim(self) -> None:
        """Errors on the job, rows of the audit and marks of lost claims agree, and are as many as were made."""
        if not hasattr(self, "model"):
            return
        job = self.model.job()
        assert job["ours"] == job["audited"] == job["lost"] == len(self.model.rescued)
        assert not self.model.finished or job["state"] == "completed", "finished work was undone"

    def teardown(self) -> None:
        if hasattr(self, "model") and self.model.opened is not None:
            self.model.opened.commit()


@pytest.fixture(scope="module")
def scene(postgres: Server) -> Iterator[Scene]:
    with staged(postgres.database("rescue_model", template="river_template")) as one:
        one.lead()
        one.sql.execute("SET lock_timeout = '20 ms'; SET synchronous_commit = off")
        yield one


def test_the_promises_hold_in_every_order(scene: Scene) -> None:
    """Random lives of one job; and the rescuer acted in enough of them for that to say something."""
    second, seen = Database(scene.url, "second keeper"), Counter[str]()
    with connected(scene.url) as clock:
        play({"scene": scene, "second": second, "clock": clock, "seen": seen})
    second.close()

    assert seen["retry"] > EXAMPLES / 10, seen
    assert seen["stop"] > EXAMPLES / 20, seen


def play(world: dict[str, object]) -> None:
    Here = type("Here", (Life,), world)  # noqa: N806
    run_state_machine_as_test(
        seed(20261125)(Here),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None, print_blob=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip
