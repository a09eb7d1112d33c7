"""A job's whole life in random order: the promises of DESIGN §8 hold after every step.

Promise 1: only the claim that was judged is changed. 2: no rescue while beats are fresh. 3: one rescue a claim.
4: finished work stays finished, and no result of an earlier attempt, of any age, reaches a newer one. They hold for
what the server that is there knows: after a failover the last commits have never been.
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
from hypothesis.strategies import booleans, sampled_from

from fixtures.contenders import JOB_CANCEL, JOB_RETRY, RIVERS_RESCUE
from fixtures.contract import Connection, connected
from fixtures.model import RESULTS, Model
from fixtures.model_leader import Watching
from fixtures.model_tables import Tables
from fixtures.model_worker import Work
from fixtures.rescue import Scene, staged
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Database

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
PARTS, EXAMPLES, STEPS = (2, 10_000, 25) if LONG else (1, 40, 25)  # parts run beside each other where there are cores
# What the rescuer must have done in them. What comes up is luck: another source of the package draws other lives.
ENOUGH = {"retry": EXAMPLES / 4, "stop": EXAMPLES / 10, "again": EXAMPLES / 20, "late": EXAMPLES / 20}
MOST_ROUNDS = 4
pytestmark = [pytest.mark.long] if LONG else []
WHICH = sampled_from([0, 0, 0, 1])  # the newest attempt, or the one before it: who else could disturb it?


class Life(RuleBasedStateMachine):
    """One job. Steps whose precondition fails do nothing."""

    scene: Scene
    second: Database
    third: Database  # of the thread that takes turns
    tables: Tables
    clock: Connection
    seen: Counter[str]

    @initialize()
    def begin(self) -> None:
        self.model = Model(self.scene, self.second, self.tables, Watching(self.scene, self.third, self.clock))
        self.model.begin()
        self.fetch()

    def worker(self, which: int) -> Work | None:
        """The newest attempt's, or an older one's, if it can act at all."""
        works = self.model.works
        work = works[-1 - which] if len(works) > which else None
        return work if work is not None and work.can_act else None

    @rule()
    def fetch(self) -> None:
        self.model.fetch()

    @rule(which=WHICH, early=sampled_from([False, False, True]))
    def beat(self, which: int, early: bool) -> None:
        if work := self.worker(which):
            self.model.beat(work, early=early and work.born == 0.0)

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

    @rule(which=WHICH, again=sampled_from([False, False, True]))
    def flush(self, which: int, again: bool) -> None:
        work = self.worker(which)
        if work is not None and work.result is not None:
            self.model.flush(work, again=again)

    @rule(which=WHICH)
    def die(self, which: int) -> None:
        if work := self.worker(which):
            work.alive, work.result = False, None

    @rule(frozen=sampled_from([False, True]))
    def stall_or_go_on(self, frozen: bool) -> None:
        """The newest worker's network, or its process: SIGSTOP, SIGCONT."""
        if self.model.works:
            self.model.works[-1].stall(frozen=frozen)

    @rule()
    def job_cancel(self) -> None:
        self.model.somebody(JOB_CANCEL)

    @rule()
    def job_retry(self) -> None:
        if self.model.somebody(JOB_RETRY):
            self.model.past.finished = False

    @rule()
    def rivers_rescuer(self) -> None:
        self.model.somebody(RIVERS_RESCUE)

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([5.0, 12.0, 40.0, 40.0, 130.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.model.pass_time(seconds)

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([12.0, 40.0, 130.0]), first=booleans())
    def outage(self, seconds: float, first: bool) -> None:
        """Nobody reaches the database; `first`: and then the replica does, before any worker."""
        self.model.outage(seconds)
        self.let_replica_act(first)

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([30.0, -30.0, 3600.0, -3600.0]), first=booleans())
    def step_the_clock(self, seconds: float, first: bool) -> None:
        """The database's clock, forward or back."""
        self.model.step_the_clock(seconds)
        self.let_replica_act(first)

    @rule()
    def standby_catches_up(self) -> None:
        self.model.catch_up()

    @rule(first=booleans())
    def fail_over(self, first: bool) -> None:
        """The standby is promoted, whatever it lacks; an open rescue dies with its server."""
        if self.model.opened is not None:
            self.end_the_open_rescue(dies=True)
        self.model.fail_over()
        self.let_replica_act(first)

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([40.0, 130.0]))
    def lose_a_rescue(self, seconds: float) -> None:
        """It is made, and its server is gone before the standby has it; the replica goes on as before."""
        if work := self.worker(0):
            self.model.beat(work)
        self.standby_catches_up()
        self.stop_all_beats(seconds)
        self.fail_over(first=True)
        self.stop_all_beats(seconds)

    @precondition(lambda self: self.model.opened is None)
    @rule()
    def fail_over_within_a_pass(self) -> None:
        """The replica acts on what it found on the old server, before its next probe."""
        self.model.pass_time(40.0)
        self.model.look()
        self.standby_catches_up()
        self.fail_over(first=False)
        if self.model.found is not None:
            self.rescue_what_was_found()

    @rule()
    def turn(self) -> None:
        self.model.watching.turn()

    def let_replica_act(self, comes: bool) -> None:
        if comes:
            self.turn()
            self.rescue_now()

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
        self.seen["again"] += opened.is_again

    @rule()
    def rescue_now(self) -> None:
        self.model.look()
        if self.model.found is not None:
            self.rescue_what_was_found()

    @precondition(lambda self: self.model.opened is None)
    @rule(seconds=sampled_from([40.0, 130.0]))
    def stop_all_beats(self, seconds: float) -> None:
        """Nobody beats for a while, then a replica makes a pass."""
        self.model.pass_time(seconds)
        self.rescue_now()

    @precondition(lambda self: self.model.opened is None)
    @rule(outcome=sampled_from(sorted(RESULTS)))
    def freeze_while_rescued(self, outcome: str) -> None:
        """It is frozen, somebody else works its job by now, and it goes on as if nothing had been."""
        work = self.worker(0)
        if work is not None and not work.over:
            work.frozen = True
            self.stop_all_beats(40.0)
            self.model.pass_time(12.0)
            self.fetch()
            work.frozen = False
            self.model.finish(work, outcome)
            if work.result is not None:
                self.model.flush(work)

    @precondition(lambda self: self.model.opened is None)
    @rule()
    def hang(self) -> None:
        """It reported progress once and beats on; then a replica makes a pass."""
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
        past = self.model.past
        assert job["ours"] == job["audited"] == job["lost"] == len(past.rescued)
        assert not job["tokens"], "a token stayed"
        assert not past.finished or job["state"] == "completed", "finished work was undone"

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        if self.model.opened is not None:
            self.model.opened.commit()
        self.seen["late"] += self.model.late


@pytest.fixture(scope="module")
def scene(postgres: Server) -> Iterator[Scene]:
    with staged(postgres.database("rescue_model", template="river_template")) as opened_scene:
        opened_scene.lead()
        opened_scene.sql.execute("SET lock_timeout = '20 ms'; SET synchronous_commit = off")
        yield opened_scene


@pytest.mark.parametrize("part", range(PARTS))
def test_the_promises_hold_in_every_order(scene: Scene, part: int) -> None:
    """Random lives of one job; and the rescuer acted in enough of them for that to say something."""
    seen = Counter[str]()
    second, third = Database(scene.url, "second keeper"), Database(scene.url, "turns")
    with connected(scene.url) as clock:
        world = {"scene": scene, "second": second, "third": third, "clock": clock, "tables": Tables(clock)}
        for more in range(MOST_ROUNDS):
            play(world | {"seen": seen}, part + more * PARTS)
            if all(seen[act] > least for act, least in ENOUGH.items()):
                break
    second.close()
    third.close()

    assert {act: seen[act] for act, least in ENOUGH.items() if seen[act] <= least} == {}


def play(world: dict[str, object], part: int) -> None:
    Here = type("Here", (Life,), world)  # noqa: N806
    run_state_machine_as_test(
        seed(20261125 + part)(Here),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, database=None, print_blob=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip
