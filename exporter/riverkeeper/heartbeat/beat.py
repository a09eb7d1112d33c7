"""One claim at work: what the job tells through it, and how it learns that it must stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from riverkeeper.heartbeat.claim import Claim, ClaimLost, LeaseExpired, Outcome, Tier, WorkMustStop
from riverkeeper.heartbeat.fence import Fence

log = logging.getLogger("riverkeeper.heartbeat")  # the standard one: this runs in somebody else's program

Told = tuple[object, object]  # fraction and note, as the job gave them
NOTHING_TOLD: Told = (None, None)


@dataclass(slots=True, eq=False)
class Beat:
    """The job's side of a claim. `progress`, `check` and `stopped` are for any thread, the rest is the client's."""

    claim: Claim
    tier: Tier
    heard_at: float  # clock of leases, when the last beat that succeeded was sent, or the work began
    on_stop: Callable[[WorkMustStop], None] | None = None  # called once, in a thread of ours
    named: bool = False  # a beat that names it was sent: its row may exist, even if the answer got lost
    lost: bool = False  # known to be over; `reason` may be an earlier one
    stopped: threading.Event = field(default_factory=threading.Event)
    returned: threading.Event = field(default_factory=threading.Event)  # the work has
    told: Told = NOTHING_TOLD
    acknowledged: Told = NOTHING_TOLD
    fence: Fence = field(default_factory=lambda: Fence(wanted=False))
    reason: WorkMustStop | None = None  # why the work has to stop; None while it may go on
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token(self) -> str | None:
        """The fencing token: attach it to the job's result (TOKEN_KEY), once the block has ended. None: no fence."""
        return self.fence.token(self.claim)

    def outcome(self, outcome: Outcome) -> Outcome:
        """What the keeper is told. Work that failed once its lease had expired was given up, unless it was lost too."""
        given_up = isinstance(self.reason, LeaseExpired) and not self.lost and outcome is Outcome.FAILED
        return Outcome.ABANDONED if given_up else outcome

    def progress(self, fraction: float | None = None, note: str | None = None) -> None:
        """Say that the job moves: a fraction from 0 to 1 if it is known, a note of up to 1 kB if there is one.

        Costs under 1 µs: it only puts the newest word where the next beat finds it.
        """
        self.told = (fraction, note)  # a new tuple: the same number told again is progress too

    def check(self) -> None:
        """Raise ClaimLost, LeaseExpired or StopRequested once the work has to stop."""
        if self.reason is not None:
            raise self.reason

    def lose(self) -> None:
        """The claim is over: stop the work."""
        self.lost = True
        self.stop(ClaimLost(f"job {self.claim.job_id} is no longer ours"))

    def stop(self, reason: WorkMustStop) -> None:
        """Tell the work to stop, the first time only."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
        self.stopped.set()
        log.warning("attempt %d of job %d has to stop: %s", self.claim.attempt, self.claim.job_id, reason)
        if self.on_stop is None:
            return
        try:
            self.on_stop(reason)
        except Exception:  # it is the user's, and must not end the beats of all other jobs
            log.exception("on_stop of job %d failed", self.claim.job_id)
