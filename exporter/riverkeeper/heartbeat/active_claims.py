"""The claims that this process works on: the job's handle of each, and the set of all. For any thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from riverkeeper.heartbeat.checkpoints import (
    CheckpointAccess,
    ClaimCheckpoints,
    NoCheckpoints,
    TransactionCheckpoint,
    encode_checkpoint,
)
from riverkeeper.heartbeat.claim import Claim, ClaimLost, HeartbeatTier, LeaseExpired, Outcome, WorkMustStop
from riverkeeper.heartbeat.fence import ClientFence
from riverkeeper.heartbeat.stacks import ThreadPlace, WorkPlace

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

MAX_ENDS = 100_000  # kept while the database is away; they only inform
MAX_UNSAVED = 1000  # checkpoints of 8 kB that are kept then
Progress = tuple[object, object]  # fraction and note, as the job gave them
NO_PROGRESS: Progress = (None, None)


@dataclass(slots=True, eq=False)
class ActiveClaim:
    """A claim with work in this process.

    The job uses `progress`, `checkpoint`, `checkpoint_tx`, `resume`, `check`, `stopped`, `token` and `runs_here`, from
    any thread. The rest is the client's.
    """

    claim: Claim
    tier: HeartbeatTier
    last_beat_at: float  # clock of leases: when the last beat that succeeded was sent, or the work began
    on_stop: Callable[[WorkMustStop], None] | None = None  # called once, in a thread of the client
    named: bool = False  # a beat that names this claim was sent: its row may exist, even if the answer got lost
    lost: bool = False  # known to be over; `reason` may be an earlier one
    stopped: threading.Event = field(default_factory=threading.Event)
    returned: threading.Event = field(default_factory=threading.Event)  # the work has returned
    reported: Progress = NO_PROGRESS
    acknowledged: Progress = NO_PROGRESS
    fence: ClientFence = field(default_factory=lambda: ClientFence(wanted=False))
    checkpoints: ClaimCheckpoints = field(default_factory=ClaimCheckpoints)
    access: CheckpointAccess | None = None  # None: nothing is saved
    reason: WorkMustStop | None = None  # why the work has to stop; None while it may go on
    stack_requested: bool = False  # by the last beat
    place: WorkPlace | None = None  # where the work runs; None: not known, so that no stack of it is sent
    sends_stacks: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token(self) -> str | None:
        """The fencing token: attach it to the job's result (TOKEN_KEY) after the block has ended. None: no fence."""
        return self.fence.token(self.claim)

    def outcome_to_report(self, outcome: Outcome) -> Outcome:
        """ABANDONED for work that failed after its lease had expired, unless its claim was lost too."""
        abandoned = isinstance(self.reason, LeaseExpired) and not self.lost and outcome is Outcome.FAILED
        return Outcome.ABANDONED if abandoned else outcome

    def progress(self, fraction: float | None = None, note: str | None = None) -> None:
        """Report that the job moves: a fraction from 0 to 1, a note of up to 1 kB, or both.

        Costs under 1 µs: the next beat sends the newest report.
        """
        self.reported = (fraction, note)  # a new tuple: the same number reported again is progress too

    def runs_here(self) -> None:
        """The work runs in this thread: a requested stack shows it. The blocks of `beating` call this themselves."""
        if self.sends_stacks:
            self.place = ThreadPlace(threading.current_thread())

    def checkpoint(self, value: object) -> None:
        """Save where the job is, as JSON of at most 8 kB: its next attempt can `resume` from there.

        The newest value is sent with the next beat, and nothing where it has not changed. A worker that dies loses what
        it did since its last beat at most. Raises ValueError for a value that is no JSON or is too large, ClaimLost.
        """
        text = encode_checkpoint(value)
        if self.lost:
            raise ClaimLost(f"this process lost the claim on job {self.claim.job_id}: nothing is saved")
        if self.access is not None and self.access.support.installed is False:
            self.access.support.log_missing()
        else:
            self.checkpoints.put(text)

    def checkpoint_tx(self, value: object) -> TransactionCheckpoint:
        """A checkpoint for the transaction that has the effect: `run` it there, first.

        Raises ValueError as `checkpoint` does, and NoCheckpoints where the keeper schema has no table for it.
        """
        text, access = encode_checkpoint(value), self.access
        if access is None or access.support.installed is False:
            raise NoCheckpoints("the keeper schema has no table of checkpoints: run riverkeeper schema install")
        number = self.checkpoints.number_in_transaction()
        return TransactionCheckpoint(self.claim, number, text, access.river_schema, access.keeper_schema)

    def resume(self, default: Any = None) -> Any:
        """The newest checkpoint of the job, which an earlier attempt has saved; `default` where there is none.

        Queries the database. Raises ClaimLost, and DatabaseError where the query failed: let the job fail then.
        """
        return default if self.access is None else self.access.resume(self.claim, default)

    async def resume_async(self, default: Any = None) -> Any:
        """`resume` in an asyncio task."""
        return await asyncio.get_running_loop().run_in_executor(None, self.resume, default)

    def check(self) -> None:
        """Raise ClaimLost, LeaseExpired or StopRequested once the work has to stop."""
        if self.reason is not None:
            raise self.reason

    def mark_lost(self) -> None:
        """The claim is over: stop the work."""
        self.lost = True
        self.stop(ClaimLost(f"this process lost the claim on job {self.claim.job_id}"))

    def stop(self, reason: WorkMustStop) -> None:
        """Make the work stop. Only the first call counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
        self.stopped.set()
        log.warning("job must stop: job_id=%d attempt=%d reason=%s", self.claim.job_id, self.claim.attempt, reason)
        if self.on_stop is None:
            return
        try:
            self.on_stop(reason)
        except Exception:  # the user's code; it must not end the beats of all other jobs
            log.exception("on_stop failed: job_id=%d", self.claim.job_id)


def keeps_checkpoint(outcome: Outcome) -> bool:
    """Whether an attempt may follow, so that the newest checkpoint has to be saved."""
    return outcome in {Outcome.FAILED, Outcome.SNOOZED, Outcome.ABANDONED}


class ActiveClaims:
    """The active claims, and the outcomes that the next tick reports.

    A claim is active from `add` to `remove`, and unfinished from `add` to `record_end`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[Claim, ActiveClaim] = {}
        self._newest: dict[int, ActiveClaim] = {}  # by job id
        self._ended: dict[Claim, Outcome] = {}
        self._unfinished: set[ActiveClaim] = set()
        self._unsaved: list[ActiveClaim] = []  # their work has returned, and their newest checkpoint is not saved
        self._sealed = False

    def add(self, added: ActiveClaim) -> ActiveClaim | None:
        """The earlier attempt of the same job that is still active here, if there is one.

        Raises ValueError for a claim that is active already, RuntimeError once sealed.
        """
        with self._lock:
            if self._sealed:
                raise RuntimeError("this Beater is closed: it takes no more jobs")
            if added.claim in self._active:
                raise ValueError(f"job {added.claim.job_id} already beats under this claim")
            earlier = self._newest.get(added.claim.job_id)
            self._active[added.claim] = self._newest[added.claim.job_id] = added
            self._unfinished.add(added)
            return earlier

    def seal(self) -> None:
        """Take no more claims."""
        with self._lock:
            self._sealed = True

    def remove(self, removed: ActiveClaim) -> None:
        """The work has returned or the job completed itself: no beat may name this claim any more."""
        with self._lock:
            self._active.pop(removed.claim, None)
            if self._newest.get(removed.claim.job_id) is removed:
                del self._newest[removed.claim.job_id]

    def record_end(self, ended: ActiveClaim, outcome: Outcome) -> None:
        """The next tick reports how the work ended, if the claim may have a row."""
        with self._lock:
            self._unfinished.discard(ended)
            if ended.named and len(self._ended) < MAX_ENDS:
                self._ended[ended.claim] = outcome
            is_unsaved = ended.named and keeps_checkpoint(outcome) and not ended.checkpoints.is_saved()
            if is_unsaved and len(self._unsaved) < MAX_UNSAVED:
                self._unsaved.append(ended)

    def list_active(self) -> list[ActiveClaim]:
        with self._lock:
            return list(self._active.values())

    def list_beating(self) -> list[ActiveClaim]:
        """Those that the next beat names: a lost claim is over for good."""
        return [active for active in self.list_active() if not active.lost]

    def list_unsaved(self) -> list[ActiveClaim]:
        """Claims with a checkpoint that has to be sent: those that beat, and each of the others once."""
        beating = [active for active in self.list_beating() if active.named and active.checkpoints.pending()]
        with self._lock:
            ended, self._unsaved = self._unsaved, []
        return beating + ended

    def list_ends(self) -> dict[Claim, Outcome]:
        """The outcomes that were not reported yet."""
        with self._lock:
            return dict(self._ended)

    def forget_ends(self, reported: Collection[Claim]) -> None:
        with self._lock:
            for claim in reported:
                self._ended.pop(claim, None)

    def is_finished(self) -> bool:
        """Whether all work has returned."""
        with self._lock:
            return not self._unfinished

    def shortest_interval(self, default: float) -> float:
        """Seconds between beats that the most urgent claim needs; `default` without claims."""
        with self._lock:
            return min((active.tier.interval for active in self._active.values()), default=default)
