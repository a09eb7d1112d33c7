"""Level full: results carry the claim that they belong to, as long as the database looks at it."""

from __future__ import annotations

import time

from conformance.scenarios import Level, scenario
from conformance.world import World

# A client queries meta.sql each minute anyway, and that must not be what a scenario sees.
WITHIN_SECONDS = 30.0
LONG = 100  # intervals: a tick takes up to half of that


@scenario(Level.FULL)
def result_carries_the_claim_as_its_token(world: World) -> None:
    """To the microsecond, and in the client row too; the database takes it, and it does not stay in the job's row."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.until(world.reports_fences, "the client to report that it fences", WITHIN_SECONDS)

    result = worker.end(claim)
    assert (result["token"], result["held"]) == (claim["attempted_at"], True)
    job = world.write(result)
    assert (job["state"], job["metadata"]) == ("completed", {})


@scenario(Level.FULL)
def job_that_ends_between_ticks_carries_a_token(world: World) -> None:
    """Its result may be late all the same."""
    worker = world.worker(interval=LONG * world.interval)
    world.until(world.reports_fences_by_now, "the process to beat")
    claim = world.claim()
    worker.start(claim)

    assert worker.end(claim)["token"] == claim["attempted_at"]


@scenario(Level.FULL)
def late_result_is_dropped(world: World) -> None:
    """Also where the client knows of the loss: it carries the token, so the next attempt's row stays as it is."""
    worker = world.worker()
    claims = world.claims(2)
    for claim in claims:
        worker.start(claim)
        world.beaten(claim)
    for claim in claims:
        assert world.rescue(claim)
        world.claim_again(claim)
    jobs = [world.job(claim) for claim in claims]
    first = worker.end(claims[0])
    assert worker.cancelled(claims[1]) == "claim_lost"
    results = [first, worker.end(claims[1])]

    assert [result["token"] for result in results] == [claim["attempted_at"] for claim in claims]
    assert [world.write(result) for result in results] == jobs


@scenario(Level.FULL)
def claim_is_lost_while_the_worker_is_cut_off(world: World) -> None:
    """The result of an attempt that was rescued meanwhile is dropped, whenever River comes to write it."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    proxy.refuse()
    assert world.rescue(claim)
    world.claim_again(claim)
    worker.fails(2)
    result = worker.end(claim)
    assert result["held"] is True, "nobody could know"
    proxy.restore()

    assert world.write(result)["state"] == "running"


@scenario(Level.FULL)
def without_the_fence_there_is_no_token(world: World) -> None:
    """Its row reports that: a late result reaches the next attempt, and Riverkeeper waits longer."""
    world.remove_fence()
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.reports_fences() is False
    assert world.rescue(claim)
    world.claim_again(claim)

    result = worker.end(claim)
    assert result["token"] is None
    assert world.write(result)["state"] == "completed"


@scenario(Level.FULL)
def fence_comes_and_goes_while_a_job_runs(world: World) -> None:
    """A new connection asks again; work that began before carries a token too."""
    world.remove_fence()
    worker, proxy = world.through_proxy()
    before, after = world.claims(2)
    for claim in (before, after):
        worker.start(claim)
        world.beaten(claim)
    world.install_fence()
    proxy.cut()
    world.until(world.reports_fences, "the client to report that it fences", WITHIN_SECONDS)
    assert worker.end(before)["token"] == before["attempted_at"]
    world.sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
    proxy.cut()
    world.until(lambda: not world.reports_fences(), "the client to report that it does not", WITHIN_SECONDS)

    assert worker.end(after)["token"] is None


@scenario(Level.FULL)
def jobs_begin_without_the_database(world: World) -> None:
    """The first work waits a second for an answer, and no longer; its result carries a token, which may be needless."""
    proxy = world.proxy()
    proxy.stall()
    worker = world.worker(proxy.url, interval=LONG * world.interval)
    claim = world.claim()
    started_at = time.monotonic()
    worker.start(claim)

    assert worker.begun_at(claim) - started_at < 1 + world.slack() < LONG * world.interval / 2
    result = worker.end(claim)
    assert (result["token"], result["held"]) == (claim["attempted_at"], True)
    proxy.restore()


@scenario(Level.FULL)
def early_failure_decides_nothing(world: World) -> None:
    """Neither a first beat without an answer nor a refused one ends the tokens of a process for good."""
    proxy = world.proxy(world.as_role())
    world.sql.execute("REVOKE SELECT ON riverkeeper.meta FROM riverkeeper_worker")
    proxy.stall()
    worker = world.worker(proxy.url)
    worker.fails(1)
    proxy.restore()
    worker.fails(3)
    world.give_rights()
    world.until(world.reports_fences_by_now, "the client to report that it fences", WITHIN_SECONDS)
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)

    assert worker.end(claim)["token"] == claim["attempted_at"]
