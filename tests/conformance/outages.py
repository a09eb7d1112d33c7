"""Scenarios of a database that is away, slow, empty, read-only, or not ours."""

from __future__ import annotations

import time

from conformance.scenarios import scenario
from conformance.world import INTERVAL, LEASE, World
from fixtures.waiting import until

LONG_LEASE = 20 * INTERVAL
REFUSED_LEASE = 8 * INTERVAL  # long enough for a busy machine, and outlasted by as many refusals and some
REFUSALS = 11


@scenario
def database_is_away_for_less_than_the_lease(world: World) -> None:
    """Beats that fail for a while, and connections that break, are forgiven; after it beats go on under the claim."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=LONG_LEASE)
    world.beaten(claim)
    for fault in (proxy.stall, proxy.refuse):
        fault()
        worker.fails(1)
        proxy.restore()
        world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario
def database_is_away_for_longer_than_the_lease(world: World) -> None:
    """The work is cancelled when the lease has passed since a beat was sent, on a way that swallows everything."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=LEASE)
    world.beaten(claim)
    before = time.monotonic()
    world.beats_again(claim)
    proxy.drop()
    dropped_at = time.monotonic()

    assert worker.cancelled(claim) == "lease_expired"
    assert before + LEASE - INTERVAL < worker.cancelled_at(claim) < dropped_at + LEASE + world.slack()
    proxy.restore()
    world.beats_again(claim)
    assert worker.held(claim, "failed") is True, "nobody had taken the claim away"
    assert worker.causes == ["lease_expired"]
    until(lambda: (world.row(claim) or {})["outcome"] == "abandoned", "the claim to be told as given up")


@scenario
def database_is_away_for_long_without_a_lease(world: World) -> None:
    """Nothing is cancelled, and no result waits for the database: River keeps it for as long as that takes."""
    worker, proxy = world.through_proxy()
    claim, waiting = world.claims(2)
    for each in (claim, waiting):
        worker.start(each)
        world.beaten(each)
    proxy.refuse()
    worker.fails(6)
    assert worker.end(waiting)["token"] == waiting["attempted_at"]
    proxy.restore()
    until(lambda: (world.row(waiting) or {})["outcome"] == "completed", "the end to be told")

    assert worker.held(claim) is True
    assert worker.causes == []


@scenario
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


@scenario
def answers_come_late(world: World) -> None:
    """A slow answer counts from when its beat was sent; one after the limit is none, though its beat was written."""
    worker, proxy = world.through_proxy(interval=2 * INTERVAL)
    claim = world.claim()
    worker.start(claim, lease=2.5 * 2 * INTERVAL, interval=2 * INTERVAL)
    world.beaten(claim)
    proxy.answer_late(0.2 * INTERVAL)
    worker.beats(3)
    assert worker.causes == []
    proxy.answer_late(3 * INTERVAL)

    assert worker.cancelled(claim) == "lease_expired"
    proxy.restore()


@scenario
def failover_to_an_empty_table(world: World) -> None:
    """A table that lost its rows is filled again by the next beat; so is a row that somebody deleted."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("TRUNCATE riverkeeper.heartbeat, riverkeeper.client")
    proxy.cut()
    world.beaten(claim)
    until(lambda: world.rows("SELECT FROM riverkeeper.client"), "the process to beat")
    world.sql.execute("DELETE FROM riverkeeper.heartbeat")
    world.beaten(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario
def server_becomes_read_only(world: World) -> None:
    """A standby cancels nothing, with a lease neither; beats go on when a primary is there."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=LONG_LEASE)
    world.beaten(claim)
    name = world.sql.info.dbname
    world.sql.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    proxy.cut()
    worker.fails(4)
    assert worker.causes == []
    world.sql.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    proxy.cut()
    world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario
def tables_are_dropped(world: World) -> None:
    """Under a working fleet with leases: nothing is cancelled. With the schema goes the fence, and so the token."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=REFUSED_LEASE)
    world.beaten(claim)
    world.sql.execute("DROP SCHEMA riverkeeper CASCADE")
    worker.fails(REFUSALS)

    assert worker.causes == []
    result = worker.end(claim)
    assert (result["token"], result["held"]) == (None, True)
    assert world.write(result)["metadata"] == {}


@scenario
def grant_is_revoked(world: World) -> None:
    """Under a working fleet with leases: nothing is cancelled, and beats go on when it is given back."""
    worker = world.worker(world.as_role())
    claim, waiting = world.claims(2)
    for each in (claim, waiting):
        worker.start(each, lease=REFUSED_LEASE)
        world.beaten(each)
    world.grant("REVOKE INSERT, UPDATE ON riverkeeper.heartbeat FROM")
    worker.fails(REFUSALS)
    assert worker.causes == []
    assert worker.end(waiting)["token"] == waiting["attempted_at"], "the fence is in force all the same"
    world.grant("GRANT INSERT, UPDATE ON riverkeeper.heartbeat TO")
    world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario
def keeper_schema_of_another_river(world: World) -> None:
    """Nothing is written there, whatever begins and ends, and nothing is cancelled: jobs work on without beats."""
    world.other_river("other")
    worker = world.worker(river="other")
    claim = world.claim()
    worker.start(claim, lease=REFUSED_LEASE)
    worker.fails(REFUSALS)

    assert worker.causes == []
    assert worker.held(claim) is True
    worker.fails(2)
    assert world.rows("SELECT FROM riverkeeper.client") == world.rows("SELECT FROM riverkeeper.heartbeat") == []


@scenario
def waiting_for_a_lock_leaves_nothing_behind(world: World) -> None:
    """A statement that waits too long for a lock ends on the server too: else each tick would leave one there."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with world.locked("LOCK TABLE riverkeeper.heartbeat IN ACCESS EXCLUSIVE MODE"):
        worker.fails(4)
        assert world.rows(waiting)[0]["count"] <= 1
    world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True
