"""A block of work in an asyncio task, which is cancelled when it must stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import Claim, Outcome, Tier, WorkMustStop
from riverkeeper.heartbeat.fence import FIRST_ANSWER_SECONDS, Fence
from riverkeeper.heartbeat.threads import lost

if TYPE_CHECKING:
    from riverkeeper.heartbeat.client import Beater

LOOK_SECONDS = 0.02  # between two looks whether what is waited for has come


class Stopping:
    """Cancels the task that makes it when asked from another thread, and knows that cancellation again."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to cancel")
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._before = task.cancelling()
        self._asked = False
        self._over = False

    def ask(self, _: WorkMustStop) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if not self._over:
            self._asked = True
            self._task.cancel()

    def end(self, error: BaseException | None = None) -> bool:
        """From now on nothing is cancelled. Whether `error` is our own cancellation, and not somebody else's too."""
        self._over = True
        return self._asked and self._task.uncancel() <= self._before and isinstance(error, asyncio.CancelledError)


@asynccontextmanager
async def beating_in_task(
    beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None, tier: Tier | None
) -> AsyncIterator[Beat]:
    claim = await _claim(beater, job_id, attempt, attempted_at)
    stopping = Stopping()
    beat, earlier = beater.register(claim, tier, stopping.ask)
    try:
        if earlier is not None:
            await _until(earlier.returned.is_set, beater.reclaim_seconds)
        await _first_answer(beat.fence)
        yield beat
    except BaseException as error:
        ours = stopping.end(error)
        if not ours and not isinstance(error, Exception):
            beater.abandon(beat)  # cancelled by others: the process ends, or nobody waits for a result
            raise
        if not beater.finish(beat, Outcome.FAILED):
            raise lost(beat) from error
        if ours and beat.reason is not None:
            raise beat.reason from None
        raise
    stopping.end()
    if not beater.finish(beat, Outcome.COMPLETED):
        raise lost(beat)


async def _claim(beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None) -> Claim:
    if attempted_at is not None:
        return beater.claim(job_id, attempt, attempted_at)
    return await asyncio.get_running_loop().run_in_executor(beater.asking, beater.claim, job_id, attempt)


async def _first_answer(fence: Fence) -> None:
    if fence.must_wait():
        await _until(fence.answered.is_set, FIRST_ANSWER_SECONDS)


async def _until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for it, for so long at most."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
