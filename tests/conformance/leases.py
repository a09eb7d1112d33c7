"""Level leasing: work stops before its successor begins, and a claim that was given up is reported."""

from __future__ import annotations

import time

from conformance.scenarios import Level, scenario
from conformance.world import World

FENCE_SECONDS = 10.0  # the default: how long a later attempt waits at most


@scenario(Level.LEASING)
def lease_outlasts_a_short_outage(world: World) -> None:
    """Beats that fail for a while, and connections that break, are forgiven; then beats go on under the claim."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=20 * world.interval)
    world.beaten(claim)
    for fault in (proxy.stall, proxy.refuse):
        fault()
        worker.fails(1)
        proxy.restore()
        world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.LEASING)
def lease_ends_without_the_database(world: World) -> None:
    """The work is cancelled when the lease has passed since a beat was sent, on a way that swallows everything."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=world.lease)
    world.beaten(claim)
    before = time.monotonic()
    world.beats_again(claim)
    proxy.drop()
    dropped_at = time.monotonic()

    assert worker.cancelled(claim) == "lease_expired"
    earliest, latest = before + world.lease - world.interval, dropped_at + world.lease + world.slack()
    assert earliest < worker.cancelled_at(claim) < latest
    proxy.restore()
    world.beats_again(claim)
    assert worker.held(claim, "failed") is True, "nobody had taken the claim away"
    assert worker.causes == ["lease_expired"]
    assert world.ended(claim)["outcome"] == "abandoned"


@scenario(Level.LEASING)
def slow_answers_count_from_their_sending(world: World) -> None:
    """Riverkeeper counts from when a beat was written: a lease from its answer would end after its successor began."""
    interval = 8 * world.interval
    late = 0.4 * interval
    worker, proxy = world.through_proxy(interval=interval)
    claim = world.claim()
    worker.start(claim, lease=2.5 * interval, interval=interval)
    world.beaten(claim)
    proxy.answer_late(late)
    worker.beats(2)
    proxy.drop()
    beaten_ago = (world.now() - (world.row(claim) or {})["beat_at"]).total_seconds()
    over_at = time.monotonic() - beaten_ago + 2.5 * interval

    assert worker.cancelled(claim) == "lease_expired"
    assert worker.cancelled_at(claim) < over_at + late / 2 + world.delay()
    proxy.restore()


@scenario(Level.LEASING)
def answer_after_the_limit_is_none(world: World) -> None:
    """Though its beat was written: a statement has half an interval."""
    interval = 2 * world.interval
    worker, proxy = world.through_proxy(interval=interval)
    claim = world.claim()
    worker.start(claim, lease=2.5 * interval, interval=interval)
    world.beaten(claim)
    proxy.answer_late(0.2 * world.interval)
    worker.beats(3)
    assert worker.causes == []
    proxy.answer_late(1.5 * world.interval)

    assert worker.cancelled(claim) == "lease_expired"
    proxy.restore()


@scenario(Level.LEASING)
def frozen_process_finds_its_claim_gone(world: World) -> None:
    """A process stopped for longer than its lease cancels when it thaws."""
    worker = world.program()
    claim = world.claim()
    worker.start(claim, lease=world.lease)
    world.beaten(claim)
    with worker.frozen():
        sql = "SELECT FROM riverkeeper.heartbeat WHERE beat_at < clock_timestamp() - make_interval(secs => %s)"
        world.until(lambda: world.rows(sql, [world.lease + world.interval]), "the lease to be over")
        assert world.rescue(claim)
        world.claim_again(claim)

    assert worker.cancelled(claim) in {"lease_expired", "claim_lost"}
    result = worker.end(claim)
    if world.is_full:
        assert world.write(result)["state"] == "running"


@scenario(Level.LEASING)
def lease_that_is_too_short(world: World) -> None:
    """One beat that fails would end it: the client refuses it, or makes it longer."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=world.interval)
    world.until(lambda: worker.last("refused", claim) or world.row(claim), "the claim to be refused or to beat")

    row = world.row(claim)
    assert row is None or row["lease"] >= 2.5 * row["beat_interval"]


@scenario(Level.LEASING)
def stopped_process_abandons_its_work(world: World) -> None:
    """Riverkeeper need not wait for a claim whose process has stopped."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    worker.quit()

    assert world.ended(claim)["outcome"] == "abandoned"


@scenario(Level.LEASING)
def later_attempt_waits_for_the_earlier(world: World) -> None:
    """The earlier attempt of the job is cancelled; the later one beats at once, and begins when that has returned."""
    worker = world.worker()
    earlier = world.claim()
    worker.start(earlier)
    world.beaten(earlier)
    later = world.claim_again(earlier)
    started_at = time.monotonic()
    worker.start(later)

    assert worker.cancelled(earlier) == "claim_lost"
    world.beaten(later)
    worker.beats(2)
    finished_at = time.monotonic()
    result = worker.end(earlier, "failed")
    begun_at = worker.begun_at(later)
    assert begun_at > finished_at or begun_at - started_at >= FENCE_SECONDS
    assert result["held"] is False
    if world.is_full:
        world.expect_token(result, earlier)
        assert world.write(result)["state"] == "running"
    assert worker.held(later) is True
    assert worker.causes == ["claim_lost"]
