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

from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import METADATA_INTERVAL, Claim, ClaimLost, Outcome, Tier, WorkMustStop, moment
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.heartbeat.leases import Leases
from riverkeeper.heartbeat.metadata import Metadata
from riverkeeper.heartbeat.roster import Roster
from riverkeeper.heartbeat.settling import LAST_SECONDS, Settling, told
from riverkeeper.heartbeat.table import Process, Table
from riverkeeper.heartbeat.tasks import beating_in_task
from riverkeeper.heartbeat.threads import beating_in_thread
from riverkeeper.heartbeat.ticking import Ticking
from riverkeeper.heartbeat.trouble import Troubles


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
        fence: float = 10.0,
        metadata: bool = False,
    ) -> None:
        """`fence`: seconds that a re-claim of a job waits at most for the earlier attempt to return.

        `metadata`: beat on the job's own row (contract, rule 8), where no table can be added.
        """
        self.tier = tier or (Tier(METADATA_INTERVAL) if metadata else Tier())
        self.fence = fence
        self._metadata = metadata
        process = Process(client_id, self._accept(self.tier).interval, fences=True, kinds=kinds)

        def table() -> Table | Metadata:
            if metadata:
                return Metadata(url, river_schema, client_id)
            return Table(url, river_schema, keeper_schema, process)

        self._pid = os.getpid()
        self._closing = threading.Event()
        self._roster = Roster()
        self._troubles = Troubles()
        self._table = table()  # apart from the ticks', which may wait for half an interval
        self._ticking = Ticking(table(), self._roster, self._troubles, self.tier.interval, self._closing)
        self._leases = Leases(self._roster, self._closing)
        self._threads = [
            threading.Thread(target=self._ticking.run, name="heartbeat-ticking", daemon=True),
            threading.Thread(target=self._leases.run, name="heartbeat-leases", daemon=True),
        ]
        self.settlers = ThreadPoolExecutor(1, "heartbeat-settling")  # for asyncio; has no thread before it is used

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
        """Beat while the block works on the job. Write the job's result after the block, never inside it.

        `attempted_at` as the database has it, to the microsecond; asked for where it is not given. Raises ClaimLost at
        the start or the end of the block where the claim is not ours: then no result may be written.
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
                earlier.returned.wait(self.fence)
        except BaseException:  # Ctrl-C while waiting
            self.abandon(beat)
            raise
        return beat

    def register(
        self, claim: Claim, tier: Tier | None = None, on_stop: Callable[[WorkMustStop], None] | None = None
    ) -> tuple[Beat, Beat | None]:
        """`begin` without the wait: the work must not start before the earlier attempt's, if one comes back, has
        returned, or `fence` has passed."""
        self._refuse_child()
        beat = Beat(claim, self._accept(tier or self.tier), lease_clock(), on_stop)
        earlier = self._roster.add(beat)
        if earlier is not None:
            earlier.lose()  # the queue has handed the job out again
        self._wake()
        return beat, earlier

    def settling(self, beat: Beat) -> Settling:
        """The work has returned: what decides whether its result may get out. `conclude` must follow.

        Raises RuntimeError where it had returned before: a claim ends once.
        """
        if beat.returned.is_set():
            raise RuntimeError(f"the work on job {beat.claim.job_id} has ended already")
        self._roster.depart(beat)
        beat.returned.set()
        return Settling(beat, self._table, self._troubles, self._closing)

    def spoken_for(self) -> bool:
        """Whether the process was heard within the last interval, or cannot have been heard by any keeper."""
        return self._ticking.is_unheard_of() or lease_clock() - self._ticking.heard_at <= self.tier.interval

    def conclude(self, beat: Beat, outcome: Outcome) -> None:
        self._roster.close(beat, outcome)
        if self._closing.is_set():
            self._wake()
            self._close_if_done()

    def finish(self, beat: Beat, outcome: Outcome) -> bool:
        """End a claim's work: whether its result may get out. Waits for the database where that must be asked."""
        out, settling = False, self.settling(beat)
        try:
            out = settling.wait(self.spoken_for())
        finally:
            self.conclude(beat, told(beat, outcome, out=out))
        return out

    def abandon(self, beat: Beat) -> None:
        """End a claim's work without a result: nothing may be written. The job goes silent and is rescued."""
        self.settling(beat)
        self.conclude(beat, Outcome.ABANDONED)

    def _accept(self, tier: Tier) -> Tier:
        if self._metadata and tier.lease is not None:
            raise ValueError("a beat in the metadata has no lease: nobody who rescues can see it")
        return tier

    def _wake(self) -> None:
        self._ticking.wake()
        self._leases.wake()

    def _close_if_done(self) -> None:
        if self._roster.is_finished():
            self.settlers.shutdown(wait=False)
            self._table.close()

    def _refuse_child(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError("make a Beater after the fork: this one belongs to the parent process")
