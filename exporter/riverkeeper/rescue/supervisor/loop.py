"""The supervisor: looks for stuck jobs in every interval, or when an alert wakes it, and has them rescued.

Any number of replicas run one; the one that has the turn (watch.py) acts. It never dies: what goes wrong in a pass is
logged, and the next pass goes on.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

import structlog

from riverkeeper.brakes.heartbeat_path import patience, verified_since
from riverkeeper.brakes.rules import ProcessHealth
from riverkeeper.config.load import Config
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.metrics.catalogue.rescue import Acts
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.audit.follow_up import AuditMaintenance
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.rules import Rules, rules_of
from riverkeeper.rescue.supervisor.candidates import candidates
from riverkeeper.rescue.supervisor.election import Watch
from riverkeeper.rescue.supervisor.reporting import Telling
from riverkeeper.rescue.supervisor.rescue_pass import Passing, view
from riverkeeper.rescue.supervisor.turn import Replica, Turn
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.after_pass import Passed, after_pass
from riverkeeper.rescue.wakes.wake import Wake
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Claim

log = structlog.get_logger()

READ_SECONDS = 9.5  # for a reading, as a scrape by Prometheus' default timeout has
INBOX_SECONDS = 2.0
STOP_SECONDS = 4.0  # for both threads together: SIGTERM is followed by SIGKILL sooner or later
Read = Callable[[float], Snapshot]  # a shared reading, in at most so many seconds


class Supervisor:
    """Two threads: one takes turns, one makes passes. `read` gives the reading that scrapes use too."""

    def __init__(self, config: Config, read: Read, acts: Acts) -> None:
        self._config = config
        self._rules = rules_of(config)
        self._read = read
        self._acts = acts
        self._replica = Replica(uuid4(), f"{socket.gethostname()}/{os.getpid()}")
        self._watch = Watch(self._replica, lambda: self._rules, lambda: RescueConnection(self._config))
        self._ground: RescueConnection | None = None
        self._passing: Passing | None = None
        self._chores = AuditMaintenance()
        self._telling = Telling(acts)
        self._telling.expect(self._rules)
        self._called = threading.Event()  # a wake came, or the end
        self._stopping = False
        self._moved = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        self._watch.start()
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more; a rescue under way ends by itself, whole or not at all."""
        self._stopping = True
        self._called.set()
        deadline = lease_clock() + STOP_SECONDS
        if self._thread.is_alive():  # never started: the keeper only read
            self._thread.join(STOP_SECONDS)
        self._watch.stop(max(0.1, deadline - lease_clock()))

    def wake(self) -> None:
        """An alert was stored: make a pass now."""
        self._called.set()

    def reload(self, config: Config) -> None:
        """Go by another configuration from the next pass on. What is remembered stays where it is: in the tables."""
        self._config, self._rules = config, rules_of(config)
        self._telling.expect(self._rules)
        self._moved = True
        self._watch.move()

    def ourselves(self) -> ProcessHealth:
        """What only this process knows of itself."""
        return ProcessHealth(self._watch.awake_for)

    def left_alone(self, claim: Claim) -> str | None:
        """Why the last pass of this replica left a stuck job alone, where neither brakes, mode nor policy say it."""
        return self._telling.left.get(claim)

    def own_path(self, now: float) -> float | None:
        """Since when this keeper's own looks prove the way of a beat at `now`; None where it writes, or they do not."""
        return verified_since(self._watch.onlooker.path, now, patience(self._rules.policy))

    def _run(self) -> None:
        while not self._stopping:
            self._called.clear()
            began = lease_clock()
            self._once()
            self._called.wait(max(0.0, self._rules.policy.rescue.interval - (lease_clock() - began)))
        if self._ground:
            self._ground.close()

    def _once(self) -> None:
        turn, rules = self._watch.acting, self._rules
        self._acts.actor = turn is not None
        if turn is None:
            return
        try:
            ground = self._place()
            with ground.writing(INBOX_SECONDS) as tx:
                inbox.expire(tx, rules.max_age)
                wakes = inbox.open_wakes(tx)
            if rules.policy.rescue.supervisor or wakes:
                self._pass(ground, turn, rules, wakes)
            self._telling.late(self._chores.run(ground, rules))
            self._telling.late_results(self._chores.count_late_results(ground))
        except DatabaseError as error:
            self._telling.trouble(str(error))
        except Exception:  # the loop never dies: what was half done is rolled back, and found again at the next pass
            log.exception("a fault in the supervisor's pass")

    def _place(self) -> RescueConnection:
        if self._moved and self._ground:
            self._ground.close()
            self._ground = None
        if self._ground is None:
            self._moved = False
            self._ground = RescueConnection(self._config)
            self._passing = Passing(self._ground, self._replica, self._watch, lambda: self._stopping)
        return self._ground

    def _pass(self, ground: RescueConnection, turn: Turn, rules: Rules, wakes: Sequence[Wake]) -> None:
        asked = lease_clock()
        snapshot = self._read(READ_SECONDS)
        judged, now = snapshot.verdicts, snapshot.now
        if judged is None or now is None or self._passing is None:
            self._telling.trouble(snapshot.error or "this reading has no verdicts")
            return
        self._passing.notice(turn.path.server if turn.path else None)
        seen = view(now, min(asked, snapshot.began_at or asked), judged)
        found = list(
            candidates(
                judged.stuck,
                rules.policy,
                rules.policy.rescue.mode,
                wakes,
                now,
                supervisor=rules.policy.rescue.supervisor,
            )
        )
        outcomes = []
        for one, outcome in self._passing.over(found, seen, rules):
            self._telling.outcome(one, outcome)
            outcomes.append((one, outcome))
        self._telling.end_of_pass()
        if wakes:
            passed = Passed(now, judged, tuple(found), tuple(outcomes))
            with ground.writing(INBOX_SECONDS) as tx:
                after_pass(tx, wakes, passed)
