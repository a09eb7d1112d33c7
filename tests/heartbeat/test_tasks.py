"""The Python client in asyncio: tasks are cancelled with the reason, and the loop is never blocked."""

# ruff: noqa: PT012 - that a block of work ends with an exception is what is tested

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from conformance.floor import Event
from conformance.proxy import proxied
from conformance.world import CLAIM_AGAIN
from fixtures.beating_job import INTERVAL, Scene, opened
from fixtures.contract import claims_of, connected
from fixtures.waiting import PATIENCE_SECONDS, until_async
from riverkeeper.heartbeat import Beater, ClaimLost, HeartbeatTier, LeaseExpired, StopRequested


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as made:
        yield made


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE riverkeeper.heartbeat SET stop_requested_at = now()", StopRequested),
        ("UPDATE river_job SET state = 'retryable'", ClaimLost),
    ],
)
def test_a_task_is_cancelled_with_the_reason(scene: Scene, sql: str, reason: type[Exception]) -> None:
    """The block ends with it in place of CancelledError, and the task goes on unharmed."""

    async def work() -> bool:
        with pytest.raises(reason):
            async with scene.beater.beating_async(**scene.job):
                await scene.beaten_async()
                scene.sql.execute(sql)
                await asyncio.Event().wait()
        task = asyncio.current_task()
        return task is not None and task.cancelling() == 0

    assert asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS)) is True


def test_a_task_is_cancelled_when_its_lease_expires(scene: Scene) -> None:
    """A table lock that outlasts the lease; what the work raised is the reason, and the claim was given up."""

    async def work() -> int:
        async def lock() -> None:
            with connected(scene.url) as other, other.transaction():
                other.execute("LOCK TABLE riverkeeper.heartbeat IN ACCESS EXCLUSIVE MODE")
                await stopped.wait()

        stopped, looks = asyncio.Event(), 0

        def look() -> None:
            nonlocal looks
            looks += 1

        with pytest.raises(LeaseExpired):
            async with scene.beater.beating_async(**scene.job, tier=HeartbeatTier(INTERVAL, 2.5 * INTERVAL)):
                await scene.beaten_async()
                locking = asyncio.create_task(lock())
                try:
                    await until_async(look, "the lease to expire")  # the loop goes on while the client waits
                finally:
                    stopped.set()
                    await locking
        return looks

    assert asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS)) > 2
    assert scene.outcome() == "abandoned"


def test_a_task_cancelled_by_others_stays_cancelled(scene: Scene) -> None:
    """It is no result: the claim is given up, and the job will be rescued."""

    async def work() -> None:
        async def job() -> None:
            async with scene.beater.beating_async(**scene.job):
                begun.set()
                await scene.beaten_async()
                await asyncio.Event().wait()

        begun, task = asyncio.Event(), asyncio.create_task(job())
        await begun.wait()
        await scene.beaten_async()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS))
    assert scene.outcome() == "abandoned"


def test_a_task_claims_its_job_again(scene: Scene) -> None:
    """The second attempt begins when the first has returned, after a request to stop."""

    async def work() -> list[str]:
        said: list[str] = []

        async def attempt(name: str, job: Event) -> None:
            try:
                async with scene.beater.beating_async(**job):
                    said.append(f"{name} begins")
                    begun.set()
                    if name == "first":
                        await asyncio.Event().wait()
            except ClaimLost:
                said.append(f"{name} is lost")

        begun = asyncio.Event()
        first = asyncio.create_task(attempt("first", scene.job))
        await begun.wait()
        again = scene.sql.execute(CLAIM_AGAIN, [scene.claim.job_id]).fetchone()
        assert again is not None
        await asyncio.gather(first, attempt("second", again))
        return said

    ended = asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS))

    assert sorted(ended) == ["first begins", "first is lost", "second begins"]


def test_results_do_not_wait_for_the_database(scene: Scene) -> None:
    """A database that is away holds up no task, and none of the loop."""

    async def job(beater: Beater, claim: Event, held: asyncio.Event) -> None:
        async with beater.beating_async(**claim):
            await held.wait()

    async def work() -> None:
        held = asyncio.Event()
        with proxied(scene.url) as proxy, Beater(proxy.url, "worker", tier=HeartbeatTier(INTERVAL)) as beater:
            jobs = claims_of(scene.sql, 50)
            tasks = [asyncio.create_task(job(beater, claim, held)) for claim in jobs]
            sql = "SELECT count(*) FROM riverkeeper.heartbeat"
            await until_async(lambda: scene.sql.execute(sql).fetchone() == {"count": 50}, "fifty beats")
            proxy.refuse()
            failures = beater.failures
            await until_async(lambda: beater.failures >= failures + 3, "three beats to fail")
            held.set()
            await asyncio.gather(*tasks)
            proxy.restore()
            ended = "SELECT count(*) FROM riverkeeper.heartbeat WHERE outcome = 'completed'"
            await until_async(lambda: scene.sql.execute(ended).fetchone() == {"count": 50}, "fifty ends to be reported")
            await asyncio.to_thread(beater.close)

    asyncio.run(asyncio.wait_for(work(), PATIENCE_SECONDS))
