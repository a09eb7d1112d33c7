"""A block of work: `with` in a thread, `async with` in an asyncio task, which is cancelled when it must stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from riverkeeper.heartbeat.active_claims import ActiveClaim
from riverkeeper.heartbeat.checkpoints import LAST_CHECKPOINT_SECONDS
from riverkeeper.heartbeat.claim import Claim, ClaimLost, HeartbeatTier, Outcome, WorkMustStop
from riverkeeper.heartbeat.fence import FIRST_ANSWER_SECONDS, ClientFence
from riverkeeper.heartbeat.stacks import TaskPlace

if TYPE_CHECKING:
    from riverkeeper.heartbeat.client import Beater

POLL_SECONDS = 0.02  # between two checks of a condition that a thread will make true


@contextmanager
def beat_in_thread(
    beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None, tier: HeartbeatTier | None
) -> Iterator[ActiveClaim]:
    active = beater.begin(beater.claim(job_id, attempt, attempted_at), tier)
    active.runs_here()
    try:
        yield active
    except Exception as error:
        if not beater.finish(active, Outcome.FAILED):
            raise _claim_lost(active) from error
        raise
    except BaseException:  # the process ends: there is no result
        beater.abandon(active)
        raise
    if not beater.finish(active, Outcome.COMPLETED):
        raise _claim_lost(active)


@asynccontextmanager
async def beat_in_task(
    beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None, tier: HeartbeatTier | None
) -> AsyncIterator[ActiveClaim]:
    claim = await _claim(beater, job_id, attempt, attempted_at)
    cancellation = TaskCancellation()
    active, earlier = beater.register(claim, tier, cancellation.request)
    if active.sends_stacks:
        active.place = TaskPlace(cancellation.task, threading.current_thread())
    try:
        if earlier is not None:
            await _wait_until(earlier.returned.is_set, beater.reclaim_seconds)
        await _wait_for_first_answer(active.fence)
        yield active
    except BaseException as error:
        ours = cancellation.end(error)
        if not ours and not isinstance(error, Exception):
            beater.abandon(active)  # cancelled by other code: the process ends, or nobody waits for a result
            raise
        if beater.request_last_checkpoint(active, Outcome.FAILED):  # `finish` would block the event loop
            await _wait_until(active.checkpoints.is_saved, LAST_CHECKPOINT_SECONDS)
        if not beater.finish(active, Outcome.FAILED, wait=False):
            raise _claim_lost(active) from error
        if ours and active.reason is not None:
            raise active.reason from None
        raise
    cancellation.end()
    if not beater.finish(active, Outcome.COMPLETED):
        raise _claim_lost(active)


class TaskCancellation:
    """Cancels the task that made this object when another thread requests it, and recognises that cancellation."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("beating_async must run in an asyncio task")
        self.task = task
        self._loop = asyncio.get_running_loop()
        self._before = task.cancelling()
        self._requested = False
        self._over = False

    def request(self, _: WorkMustStop) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if not self._over:
            self._requested = True
            self.task.cancel()

    def end(self, error: BaseException | None = None) -> bool:
        """Cancel nothing from now on. Whether `error` is this cancellation alone, and not that of other code too."""
        self._over = True
        return self._requested and self.task.uncancel() <= self._before and isinstance(error, asyncio.CancelledError)


def _claim_lost(active: ActiveClaim) -> ClaimLost:
    return ClaimLost(f"this process lost the claim on job {active.claim.job_id}: do not write its result")


async def _claim(beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None) -> Claim:
    if attempted_at is not None:
        return beater.claim(job_id, attempt, attempted_at)
    return await asyncio.get_running_loop().run_in_executor(beater.query_executor, beater.claim, job_id, attempt)


async def _wait_for_first_answer(fence: ClientFence) -> None:
    if fence.must_wait():
        await _wait_until(fence.answered.is_set, FIRST_ANSWER_SECONDS)


async def _wait_until(is_true: Callable[[], bool], seconds: float) -> None:
    """Returns when the condition is true or the time is over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not is_true() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(POLL_SECONDS)
