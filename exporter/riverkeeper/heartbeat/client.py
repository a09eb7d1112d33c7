"""Beats for all claims of a process, from threads of its own: a busy or blocked job does not stop them.

So a beat proves that the process lives, and does not prove that the job moves. Report progress for that.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from functools import partial
from threading import Thread

from riverkeeper.heartbeat.active_claims import ActiveClaim, ActiveClaims, keeps_checkpoint
from riverkeeper.heartbeat.checkpoints import LAST_CHECKPOINT_SECONDS, CheckpointAccess, CheckpointSupport
from riverkeeper.heartbeat.claim import (
    METADATA_INTERVAL,
    Claim,
    ClaimLost,
    HeartbeatTier,
    Outcome,
    WorkMustStop,
    format_attempted_at,
)
from riverkeeper.heartbeat.contexts import beat_in_task, beat_in_thread
from riverkeeper.heartbeat.fence import FIRST_ANSWER_SECONDS, ClientFence
from riverkeeper.heartbeat.leases import LeaseWatcher, lease_clock
from riverkeeper.heartbeat.pod import read_own_pod
from riverkeeper.heartbeat.table import HeartbeatTable, JobMetadata, WorkerProcess
from riverkeeper.heartbeat.ticker import BeatFailures, Ticker
from riverkeeper.postgres.statements import default_keeper_schema

LAST_SECONDS = 5.0  # for a query of a claim, and for the last tick of a process that ends


class Beater:
    """The heartbeat of one process. `start` it once, `close` it at the end, or use it in a `with` block.

    A database that is away never stops a job without a lease. A missing table or grant stops no job: the client logs
    the failure once, counts it in `failures` and tries again at every tick. Every method is for any thread. Create a
    Beater after a fork, never before: a child has neither the threads nor an instance of its own.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        *,
        river_schema: str | None = None,
        keeper_schema: str | None = None,
        tier: HeartbeatTier | None = None,
        kinds: tuple[str, ...] | None = None,
        fences: bool = False,
        reclaim_seconds: float = 10.0,
        metadata: bool = False,
        stacks: bool = True,
    ) -> None:
        """Schemas: `public` and `riverkeeper`, or `<river_schema>_riverkeeper` where River's schema is named.

        `fences`: your code attaches the token of each claim to its result.
        `reclaim_seconds`: how long a second attempt of a job in this process waits at most for the first to return.
        `stacks`: answer Riverkeeper's request for the stack of a stuck job: functions, files and lines, no values.
        `metadata`: beat on the job's own row (contract, beats in the metadata), where no table can be added.
        """
        self.tier = tier or (HeartbeatTier(METADATA_INTERVAL) if metadata else HeartbeatTier())
        self.reclaim_seconds = reclaim_seconds
        self._metadata, self._sends_stacks, self._pid = metadata, stacks, os.getpid()
        self._fence = ClientFence(wanted=fences and not metadata)
        process = WorkerProcess(client_id, self._accept(self.tier).interval, kinds=kinds, pod=read_own_pod())
        river, keeper = river_schema or "public", keeper_schema or default_keeper_schema(river_schema)
        support = CheckpointSupport(installed=False if metadata else None)
        store: Callable[[], HeartbeatTable | JobMetadata] = partial(JobMetadata, url, river, client_id)
        if not metadata:
            store = partial(HeartbeatTable, url, river, keeper, process, self._fence, support)
        self._closing, self._claims, self._failures = threading.Event(), ActiveClaims(), BeatFailures()
        self._store = store()  # not the ticker's, whose statement may take half an interval
        self._access = CheckpointAccess(support, self._read_checkpoint, river, keeper)
        every = self.tier.interval
        self._ticker = Ticker(store(), self._claims, self._failures, every, self._closing, self._fence, support)
        self._leases = LeaseWatcher(self._claims, self._closing)
        loops = {"ticker": self._ticker.run, "leases": self._leases.run}
        self._threads = [Thread(target=loop, name=f"heartbeat-{name}", daemon=True) for name, loop in loops.items()]
        self.query_executor = ThreadPoolExecutor(1, "heartbeat-query")  # for asyncio; starts no thread before its use

    @property
    def beats(self) -> int:
        """Beats of the process that succeeded since its start."""
        return self._ticker.beats

    @property
    def failures(self) -> int:
        """Beats that failed since the start of the process."""
        return self._failures.count

    def start(self) -> Beater:
        self._refuse_child()
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Take no more claims, report the outcomes that are left, and stop. A second call does nothing.

        Beats continue for claims whose work has not returned, until it returns or the process ends: a job that runs
        must not look dead.
        """
        if os.getpid() != self._pid:
            return  # in a child: the threads and connections belong to the parent
        self._claims.seal()
        self._closing.set()
        self._wake()
        if self._claims.is_finished():
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(self.tier.interval + LAST_SECONDS)
        self._close_if_done()

    def __enter__(self) -> Beater:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def beating(
        self, job_id: int, attempt: int, attempted_at: str | datetime | None = None, tier: HeartbeatTier | None = None
    ) -> AbstractContextManager[ActiveClaim]:
        """Beat while the block works on the job. Write the job's result after the block, with the claim's token.

        `attempted_at` as the database has it, to the microsecond; without it the client queries River's table. Raises
        ClaimLost at the start or the end of the block where this client does not hold the claim: write no result then.
        """
        return beat_in_thread(self, job_id, attempt, attempted_at, tier)

    def beating_async(
        self, job_id: int, attempt: int, attempted_at: str | datetime | None = None, tier: HeartbeatTier | None = None
    ) -> AbstractAsyncContextManager[ActiveClaim]:
        """The same in an asyncio task, which is cancelled when it must stop; the block then raises the reason."""
        return beat_in_task(self, job_id, attempt, attempted_at, tier)

    def claim(self, job_id: int, attempt: int, attempted_at: str | datetime | None = None) -> Claim:
        """The claim on a job. Raises ClaimLost where this client holds none, DatabaseError where the query failed."""
        if attempted_at is not None:
            return Claim(job_id, format_attempted_at(attempted_at), attempt)
        claim = self._store.claim(job_id, attempt, LAST_SECONDS)
        if claim is None:
            raise ClaimLost(f"attempt {attempt} of job {job_id} does not run under this client")
        return claim

    def begin(
        self, claim: Claim, tier: HeartbeatTier | None = None, on_stop: Callable[[WorkMustStop], None] | None = None
    ) -> ActiveClaim:
        """Beat for a claim from the next tick on; `finish` or `abandon` must follow.

        An earlier attempt of the job that is active in this process is stopped, and waited for.
        """
        active, earlier = self.register(claim, tier, on_stop)
        try:
            if earlier is not None:
                earlier.returned.wait(self.reclaim_seconds)
            if self._fence.must_wait() and self._threads[0].is_alive():
                self._fence.answered.wait(FIRST_ANSWER_SECONDS)
        except BaseException:  # Ctrl-C while waiting
            self.abandon(active)
            raise
        return active

    def register(
        self, claim: Claim, tier: HeartbeatTier | None = None, on_stop: Callable[[WorkMustStop], None] | None = None
    ) -> tuple[ActiveClaim, ActiveClaim | None]:
        """`begin` without the wait. Returns the claim and the earlier attempt that is active here, or None.

        The work must not start before the earlier attempt has returned, or `reclaim_seconds` have passed.
        """
        self._refuse_child()
        active = ActiveClaim(
            claim, self._accept(tier or self.tier), lease_clock(), on_stop, fence=self._fence,
            sends_stacks=self._sends_stacks, access=self._access,
        )  # fmt: skip
        earlier = self._claims.add(active)
        if earlier is not None:
            earlier.mark_lost()  # the queue has handed the job out again
        self._wake()
        return active, earlier

    def finish(self, active: ActiveClaim, outcome: Outcome, *, wait: bool = True) -> bool:
        """The work has returned. False where the claim is known to be lost: write no result then.

        With `wait` it waits until the last checkpoint of work that failed or snoozed is saved, for a second at most.
        Write the result with the claim's token: the database drops a result whose claim is lost by then.
        Raises RuntimeError where the work had returned before: a claim ends once.
        """
        if active.returned.is_set():
            raise RuntimeError(f"the work on job {active.claim.job_id} has ended already")
        if self.request_last_checkpoint(active, outcome) and wait:
            active.checkpoints.wait_until_saved(LAST_CHECKPOINT_SECONDS)
        self._claims.remove(active)
        active.returned.set()
        self._claims.record_end(active, active.outcome_to_report(outcome))
        if self._closing.is_set():
            self._wake()
            self._close_if_done()
        return not active.lost

    def request_last_checkpoint(self, active: ActiveClaim, outcome: Outcome) -> bool:
        """Have the newest checkpoint saved before the job's result is written. False: there is nothing to wait for.

        Nothing is saved once the result is written, for then the job does not run under the claim any more. A database
        that failed the last beat is not waited for.
        """
        wanted = keeps_checkpoint(outcome) and not active.lost and active.checkpoints.pending() is not None
        if not wanted or self._ticker.is_failing or not self._threads[0].is_alive():
            return False
        self._ticker.tick_at_once()
        return True

    def abandon(self, active: ActiveClaim) -> None:
        """End a claim's work without a result: write nothing. Riverkeeper does not wait for this claim."""
        self.finish(active, Outcome.ABANDONED, wait=False)  # no result is written, so that the next tick is soon enough

    def _read_checkpoint(self, claim: Claim) -> str | None:
        return self._store.resume(claim, LAST_SECONDS)

    def _accept(self, tier: HeartbeatTier) -> HeartbeatTier:
        if self._metadata and tier.lease is not None:
            raise ValueError("metadata beats have no lease: use the heartbeat table, or a tier without a lease")
        return tier

    def _wake(self) -> None:
        self._ticker.wake()
        self._leases.wake()

    def _close_if_done(self) -> None:
        if self._claims.is_finished():
            self.query_executor.shutdown(wait=False)
            self._store.close()

    def _refuse_child(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError("create a Beater after the fork: this one belongs to the parent process")
