"""Beats for all claims of a process, from threads of its own: a busy or blocked job does not stop them.

That is also what a beat does not prove: a thread that beats says that the process lives, not that the job moves. Tell
progress for that.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime

from riverkeeper.heartbeat.active_claims import Roster
from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import METADATA_INTERVAL, Claim, ClaimLost, Outcome, Tier, WorkMustStop, moment
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.heartbeat.failures import Troubles
from riverkeeper.heartbeat.fence import FIRST_ANSWER_SECONDS, Fence
from riverkeeper.heartbeat.leases import Leases
from riverkeeper.heartbeat.metadata import Metadata
from riverkeeper.heartbeat.table import Process, Table
from riverkeeper.heartbeat.tasks import beating_in_task
from riverkeeper.heartbeat.threads import beating_in_thread
from riverkeeper.heartbeat.ticker import Ticking

LAST_SECONDS = 5.0  # for a question, and for the last tick of a process that ends


class Beater:
    """The heartbeat of one process. `start` it once, `close` it at the end, or use it in a `with` block.

    A database that is away never stops a job without a lease; a missing table or grant stops none: said once, counted
    in `failures`, tried again at every tick. Every method is for any thread. Make it after a fork, never before: a
    child has neither the threads nor an instance of its own.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        *,
        river_schema: str = "public",
        keeper_schema: str = "riverkeeper",
        tier: Tier | None = None,
        kinds: tuple[str, ...] | None = None,
        fences: bool = False,
        reclaim_seconds: float = 10.0,
        metadata: bool = False,
    ) -> None:
        """`fences`: whoever writes the results of this process attaches `beat.token` to them.

        `reclaim_seconds`: a re-claim of a job waits so long at most for the earlier attempt to return. `metadata`: beat
        on the job's own row (contract, rule 8), where no table can be added.
        """
        self.tier = tier or (Tier(METADATA_INTERVAL) if metadata else Tier())
        self.reclaim_seconds = reclaim_seconds
        self._metadata = metadata
        self._fence = Fence(wanted=fences and not metadata)
        process = Process(client_id, self._accept(self.tier).interval, kinds=kinds)

        def table() -> Table | Metadata:
            if metadata:
                return Metadata(url, river_schema, client_id)
            return Table(url, river_schema, keeper_schema, process, self._fence)

        self._pid, self._closing = os.getpid(), threading.Event()
        self._roster, self._troubles = Roster(), Troubles()
        self._table = table()  # apart from the ticks', which may wait for half an interval
        self._ticking = Ticking(table(), self._roster, self._troubles, self.tier.interval, self._closing, self._fence)
        self._leases = Leases(self._roster, self._closing)
        self._threads = [
            threading.Thread(target=self._ticking.run, name="heartbeat-ticking", daemon=True),
            threading.Thread(target=self._leases.run, name="heartbeat-leases", daemon=True),
        ]
        self.asking = ThreadPoolExecutor(1, "heartbeat-asking")  # for asyncio; has no thread before it is used

    @property
    def beats(self) -> int:
        """Beats of the process that succeeded, since the start."""
        return self._ticking.beats

    @property
    def failures(self) -> int:
        """Statements that failed, since the start."""
        return self._troubles.failures

    def start(self) -> Beater:
        self._refuse_child()
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Take no more claims, say what is left to say, and stop; a second time does nothing.

        Claims still at work are beaten for until their work has returned or the process ends: a job that runs must not
        look dead.
        """
        if os.getpid() != self._pid:
            return  # in a child: the threads and connections are its parent's
        self._roster.seal()
        self._closing.set()
        self._wake()
        if self._roster.is_finished():
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(self.tier.interval + LAST_SECONDS)
        self._close_if_done()

    def __enter__(self) -> Beater:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def beating(
        self, job_id: int, attempt: int, attempted_at: str | datetime | None = None, tier: Tier | None = None
    ) -> AbstractContextManager[Beat]:
        """Beat while the block works on the job. Write the job's result after the block, with `beat.token` on it.

        `attempted_at` as the database has it, to the microsecond; asked for where it is not given. Raises ClaimLost at
        the start or the end of the block where the claim is known not to be ours: then no result may be written.
        """
        return beating_in_thread(self, job_id, attempt, attempted_at, tier)

    def beating_async(
        self, job_id: int, attempt: int, attempted_at: str | datetime | None = None, tier: Tier | None = None
    ) -> AbstractAsyncContextManager[Beat]:
        """The same in a task: it is cancelled when it must stop, and the block then ends with the reason."""
        return beating_in_task(self, job_id, attempt, attempted_at, tier)

    def claim(self, job_id: int, attempt: int, attempted_at: str | datetime | None = None) -> Claim:
        """The claim on a job. Raises ClaimLost where this client holds none, DatabaseError where asking failed."""
        if attempted_at is not None:
            return Claim(job_id, moment(attempted_at), attempt)
        claim = self._table.claim(job_id, attempt, LAST_SECONDS)
        if claim is None:
            raise ClaimLost(f"job {job_id} does not run under this client")
        return claim

    def begin(
        self, claim: Claim, tier: Tier | None = None, on_stop: Callable[[WorkMustStop], None] | None = None
    ) -> Beat:
        """Take a claim into the beats from the next tick on; `finish` or `abandon` must follow.

        An earlier attempt of the job that is at work here is told to stop, and waited for.
        """
        beat, earlier = self.register(claim, tier, on_stop)
        try:
            if earlier is not None:
                earlier.returned.wait(self.reclaim_seconds)
            if self._fence.must_wait() and self._threads[0].is_alive():
                self._fence.answered.wait(FIRST_ANSWER_SECONDS)
        except BaseException:  # Ctrl-C while waiting
            self.abandon(beat)
            raise
        return beat

    def register(
        self, claim: Claim, tier: Tier | None = None, on_stop: Callable[[WorkMustStop], None] | None = None
    ) -> tuple[Beat, Beat | None]:
        """`begin` without the wait: the work must not start before the earlier attempt's, if one comes back, has
        returned, or `reclaim_seconds` have passed."""
        self._refuse_child()
        beat = Beat(claim, self._accept(tier or self.tier), lease_clock(), on_stop, fence=self._fence)
        earlier = self._roster.add(beat)
        if earlier is not None:
            earlier.lose()  # the queue has handed the job out again
        self._wake()
        return beat, earlier

    def finish(self, beat: Beat, outcome: Outcome) -> bool:
        """The work has returned. Never waits. False where the claim is known to be lost: then write no result.

        Otherwise write it with `beat.token`: the database drops it where the claim is lost by then. Raises RuntimeError
        where the work had returned before: a claim ends once.
        """
        if beat.returned.is_set():
            raise RuntimeError(f"the work on job {beat.claim.job_id} has ended already")
        self._roster.depart(beat)
        beat.returned.set()
        self._roster.close(beat, beat.outcome(outcome))
        if self._closing.is_set():
            self._wake()
            self._close_if_done()
        return not beat.lost

    def abandon(self, beat: Beat) -> None:
        """End a claim's work without a result: nothing may be written. The keeper need not wait for this claim."""
        self.finish(beat, Outcome.ABANDONED)

    def _accept(self, tier: Tier) -> Tier:
        if self._metadata and tier.lease is not None:
            raise ValueError("a beat in the metadata has no lease: nobody who rescues can see it")
        return tier

    def _wake(self) -> None:
        self._ticking.wake()
        self._leases.wake()

    def _close_if_done(self) -> None:
        if self._roster.is_finished():
            self.asking.shutdown(wait=False)
            self._table.close()

    def _refuse_child(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError("make a Beater after the fork: this one belongs to the parent process")
