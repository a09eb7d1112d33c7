"""The supervisor's loop: a rescue pass in every interval, and one at once when an alert wakes it.

Every replica runs a supervisor; only the active replica (election.py) makes passes. The loop never ends: it logs what
goes wrong in a pass, and the next pass continues.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

import structlog

from riverkeeper.brakes.heartbeat_path import find_verified_since, patience
from riverkeeper.brakes.rules import ProcessHealth
from riverkeeper.config.load import Config
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.audit.follow_up import AuditMaintenance
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.status import Acts
from riverkeeper.rescue.supervisor.election import ElectionResult, LeaderElection, Replica
from riverkeeper.rescue.supervisor.reporting import PassReporter
from riverkeeper.rescue.supervisor.rescue_pass import Outcome, PassInput, RescuePass, find_candidates
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.wake import Wake
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.summary import JudgedScrape

log = structlog.get_logger()

READ_SECONDS = 9.5  # for a scrape, as within Prometheus' default timeout
INBOX_SECONDS = 2.0
STOP_SECONDS = 4.0  # for both threads together: SIGKILL follows SIGTERM
Read = Callable[[float], JudgedScrape]  # a shared scrape, within this many seconds


class Supervisor:
    """Two threads: one holds elections, one makes passes. `read` returns the scrape that metrics use too."""

    def __init__(self, config: Config, read: Read, acts: Acts) -> None:
        self._config = config
        self._read = read
        self._acts = acts
        self._replica = Replica(uuid4(), f"{socket.gethostname()}/{os.getpid()}")
        self._election = LeaderElection(self._replica, lambda: self._config, lambda: RescueConnection(self._config))
        self._connection: RescueConnection | None = None
        self._rescue_pass: RescuePass | None = None
        self._maintenance = AuditMaintenance()
        self._reporter = PassReporter(acts)
        self._reporter.start_series(self._config)
        self._called = threading.Event()  # by a wake, or by the stop
        self._stopping = False
        self._reconnect = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        self._election.start()
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more. A rescue under way ends by itself: it commits whole, or not at all."""
        self._stopping = True
        self._called.set()
        deadline = lease_clock() + STOP_SECONDS
        if self._thread.is_alive():  # else it was never started, because this process only reads
            self._thread.join(STOP_SECONDS)
        self._election.stop(max(0.1, deadline - lease_clock()))

    def wake(self) -> None:
        """An alert was stored: make a pass now."""
        self._called.set()

    def reload(self, config: Config) -> None:
        """Use another configuration from the next pass on. The state of the rescuer is in tables, and stays."""
        self._config = config
        self._reporter.start_series(self._config)
        self._reconnect = True
        self._election.reconnect()

    def process_health(self) -> ProcessHealth:
        """What only this process knows about itself."""
        return ProcessHealth(self._election.running_for)

    def skip_reason(self, claim: JobClaim) -> str | None:
        """Why the last pass of this replica skipped a stuck job, where neither brakes, mode nor policy explain it."""
        return self._reporter.skip_reasons.get(claim)

    def find_observed_path(self, now: float) -> float | None:
        """Since when the reads of this replica verify the heartbeat path at `now`; None where it writes, or none do."""
        return find_verified_since(self._election.observer.path, now, patience(self._config))

    def _run(self) -> None:
        while not self._stopping:
            self._called.clear()
            began = lease_clock()
            self._tick()
            self._called.wait(max(0.0, self._config.rescue.interval - (lease_clock() - began)))
        if self._connection:
            self._connection.close()

    def _tick(self) -> None:
        leadership, config = self._election.leadership, self._config
        self._acts.is_active = leadership is not None
        if leadership is None:
            self._reporter.stand_by()
            return
        try:
            connection = self._connect()
            with connection.writing(INBOX_SECONDS) as tx:
                inbox.expire(tx, config.webhook.max_age)
                wakes = inbox.read_open_wakes(tx)
            if config.rescue.supervisor or wakes:
                self._pass(connection, leadership, config, wakes)
            self._reporter.report_false_rescues(self._maintenance.run(connection, config))
            self._reporter.report_late_results(self._maintenance.count_late_results(connection))
        except DatabaseError as error:
            self._reporter.report_failure(str(error))
        except Exception:  # the loop must not end: the transaction is rolled back, and the next pass finds the jobs
            log.exception("unexpected error in the supervisor")

    def _connect(self) -> RescueConnection:
        if self._reconnect and self._connection:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._reconnect = False
            self._connection = RescueConnection(self._config)
            self._rescue_pass = RescuePass(self._connection, self._replica, self._election, lambda: self._stopping)
        return self._connection

    def _pass(
        self, connection: RescueConnection, leadership: ElectionResult, config: Config, wakes: Sequence[Wake]
    ) -> None:
        requested_at = lease_clock()
        scrape = self._read(READ_SECONDS)
        verdicts, now = scrape.verdicts, scrape.now
        if verdicts is None or now is None or self._rescue_pass is None:
            self._reporter.report_failure(scrape.error or "the scrape has no verdicts")
            return
        if config.kubernetes.enabled:
            self._reporter.count_lost_jobs(verdicts, now)
        self._rescue_pass.notice_server(leadership.path.server if leadership.path else None)
        given = PassInput.from_verdicts(now, min(requested_at, scrape.began_at or requested_at), verdicts)
        settings = config.rescue
        found = list(find_candidates(verdicts.stuck, config, settings.mode, wakes, now, supervisor=settings.supervisor))
        outcomes = list[Outcome]()
        for candidate, outcome in self._rescue_pass.run(found, given, config):
            self._reporter.report(candidate, outcome)
            outcomes.append((candidate, outcome))
        self._reporter.finish_pass()
        if wakes:
            finished = inbox.FinishedPass(now, verdicts, tuple(found), tuple(outcomes))
            with connection.writing(INBOX_SECONDS) as tx:
                inbox.close_finished_wakes(tx, wakes, finished)
