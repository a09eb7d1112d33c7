"""The thread that beats: one statement for the process and all its claims, every interval."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from riverkeeper.heartbeat.active_claims import ActiveClaim, ActiveClaims, Progress
from riverkeeper.heartbeat.checkpoints import CheckpointSupport
from riverkeeper.heartbeat.claim import Claim, ClaimStatus, Outcome, StopRequested
from riverkeeper.heartbeat.fence import ClientFence
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.heartbeat.pod import PodReport
from riverkeeper.heartbeat.stacks import StackAnswers
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

JITTER = 0.1  # of the interval, earlier: processes that start together drift apart
# The server answers that there are no heartbeats here. Such an answer cancels nothing.
REFUSALS = frozenset(
    {
        ErrorKind.MISSING,
        ErrorKind.FORBIDDEN,
        ErrorKind.ROW_SECURITY,
        ErrorKind.WRONG_KEEPER,
        ErrorKind.TOO_NEW,
        ErrorKind.REFUSED_LOGIN,
        ErrorKind.NO_DATABASE,
    }
)


class BeatStore(Protocol):
    """Where beats are written: HeartbeatTable, JobMetadata, or a test's stand-in."""

    def beat(self, beats: Sequence[tuple[ActiveClaim, Progress]], seconds: float) -> dict[Claim, ClaimStatus]: ...
    def save_checkpoints(self, values: Sequence[tuple[Claim, int, str]], seconds: float) -> None: ...
    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None: ...
    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None: ...
    def report_pod(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class BeatFailures:
    """Counts all failed beats, and logs each kind once until beats succeed again. For any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._logged: set[ErrorKind] = set()
        self._lock = threading.Lock()

    def record(self, error: DatabaseError) -> None:
        with self._lock:
            self.count += 1
            is_new = error.kind not in self._logged
            self._logged.add(error.kind)
        if is_new:
            log.warning(
                "beat failed; jobs continue, every tick tries again: kind=%s error=%s fix=%s",
                error.kind,
                error,
                error.fix,
            )

    def record_success(self) -> None:
        """Forget what was logged: the next failure is logged again."""
        with self._lock:
            had_failed, self._logged = bool(self._logged), set()
        if had_failed:
            log.info("beats succeed again")


class Ticker:
    """Runs after `closing` is set until the last claim's work has returned and its outcome is reported."""

    def __init__(
        self,
        store: BeatStore,
        claims: ActiveClaims,
        failures: BeatFailures,
        interval: float,
        closing: threading.Event,
        fence: ClientFence,
        support: CheckpointSupport | None = None,
    ) -> None:
        self._store = store
        self._claims = claims
        self._failures = failures
        self._interval = interval
        self._closing = closing
        self._fence = fence
        self._stacks = StackAnswers(store)
        self._pod = PodReport(store.report_pod)
        self._support = support or CheckpointSupport(installed=False)
        self._wake = threading.Event()
        self._random = random.Random()  # noqa: S311 - only jitter; the program's own sequence stays as it is
        self._at_once = False  # the next tick is due now
        self.is_failing = False  # the last beat failed
        self.beats = 0  # that succeeded

    def wake(self) -> None:
        """A change may need an earlier tick."""
        self._wake.set()

    def tick_at_once(self) -> None:
        """A checkpoint must be saved before its work returns."""
        self._at_once = True
        self._wake.set()

    def run(self) -> None:
        try:
            last = False
            while not last:
                last = self._closing.is_set() and self._claims.is_finished()
                began = time.monotonic()
                self._guarded_tick()
                if not last:
                    self._pause(began)
        finally:
            self._store.close()

    def _pause(self, began: float) -> None:
        share = 1 - JITTER * self._random.random()
        while not self._at_once and not (self._closing.is_set() and self._claims.is_finished()):
            # Computed again after each wake: a more urgent claim must not wait for the pause of a patient one.
            left = began + self._seconds() * share - time.monotonic()
            if left <= 0 or not self._wake.wait(left):
                return
            self._wake.clear()

    def _guarded_tick(self) -> None:
        try:
            self.tick()
        except Exception:  # if this thread ended, every job of the process would look dead
            log.exception("bug in the heartbeat client; beats continue")

    def tick(self) -> None:
        """One statement for the process and all its claims; one more each for checkpoints, ends, stacks and the pod."""
        self._at_once = False
        beats = [(active, active.reported) for active in self._claims.list_beating()]
        ended, limit, sent_at = self._claims.list_ends(), self._seconds() / 2, lease_clock()
        fresh, began = [active for active, _ in beats if not active.named], time.monotonic()
        for active in fresh:
            active.named = True  # before the statement is sent: its answer may get lost although the row exists
        try:
            statuses = self._store.beat(beats, limit)
            self.beats, self.is_failing = self.beats + 1, False
            self._failures.record_success()
            stacks = self._stacks.take(active for active, _ in beats)
            for active, reported in beats:
                self._apply(active, reported, statuses[active.claim], sent_at)
            self._save_checkpoints(limit)
            if ended:
                self._store.end(ended, limit)
                self._claims.forget_ends(ended)
            left = limit - (time.monotonic() - began)  # the next beat must not wait for a stack
            self._stacks.send(stacks, max(left, 0.0))
            self._pod.send_if_due(max(limit - (time.monotonic() - began), 0.0))
        except DatabaseError as error:
            self.is_failing = True
            self._pod.record_failure()
            self._failures.record(error)
            if error.kind in REFUSALS:
                self._fence.record_refusal(error)
                for active, _ in beats:
                    active.last_beat_at = sent_at  # a refusal is an answer: it ends no lease
                for active in fresh:
                    active.named = False
        finally:
            self._fence.answered.set()  # whatever the answer was: no work waits for another answer

    def _save_checkpoints(self, limit: float) -> None:
        """In a transaction of its own, after the beat: where it fails, the beat has not."""
        listed = [(active, active.checkpoints.pending()) for active in self._claims.list_unsaved()]
        unsaved = [(active, *pending) for active, pending in listed if pending]
        if not unsaved or not self._support.may_send():
            return
        for active, _, _ in unsaved:
            active.checkpoints.mark_sent()
        try:
            self._store.save_checkpoints([(active.claim, number, text) for active, number, text in unsaved], limit)
        except DatabaseError as error:
            self._support.record_failure(error)
            return
        self._support.record_success()
        for active, number, text in unsaved:
            active.checkpoints.record_answer(number, text)

    def _seconds(self) -> float:
        return self._claims.shortest_interval(self._interval)

    def _apply(self, active: ActiveClaim, reported: Progress, status: ClaimStatus, sent_at: float) -> None:
        if status is ClaimStatus.LOST:
            active.mark_lost()
            return
        active.last_beat_at = sent_at
        active.acknowledged = reported
        if status is ClaimStatus.FINISHED:
            self._claims.remove(active)
        elif status is ClaimStatus.STOP:
            active.stop(StopRequested(f"Riverkeeper found job {active.claim.job_id} hung and requests that it stops"))
