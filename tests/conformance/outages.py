"""Level plain: a database that is away, slow, or empty."""

from __future__ import annotations

import time

from conformance.scenarios import Level, scenario
from conformance.world import World

CONNECT_SECONDS = 2.0  # the least that libpq can be limited to


@scenario(Level.PLAIN)
def database_is_away_without_a_lease(world: World) -> None:
    """Nothing is cancelled, however long that takes, and beats go on afterwards under the claim."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    for fault, failures in ((proxy.stall, 1), (proxy.refuse, 4)):
        fault()
        worker.fails(failures)
        proxy.restore()
        world.beats_again(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def connection_that_never_answers_again(world: World) -> None:
    """A way swallowed everything for a while: the old connection stays deaf, so the next tick uses a new one."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    proxy.drop()
    worker.fails(1)
    proxy.restore()

    world.beats_again(claim)
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def connect_that_is_never_answered(world: World) -> None:
    """A server that accepts and answers nothing fails the tick in time, and the next tick tries again."""
    proxy = world.proxy()
    proxy.drop()
    worker = world.worker(proxy.url)
    started_at = time.monotonic()
    worker.fails(1)
    assert time.monotonic() - started_at < CONNECT_SECONDS + world.interval + world.slack()
    proxy.restore()
    claim = world.claim()
    worker.start(claim)

    world.beaten(claim)
    assert worker.causes == []


@scenario(Level.PLAIN)
def failover_to_an_empty_table(world: World) -> None:
    """A table that lost its rows is filled again by the next beat; so is a row that somebody deleted."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("TRUNCATE riverkeeper.heartbeat, riverkeeper.client")
    proxy.cut()
    world.beaten(claim)
    world.until(lambda: world.rows("SELECT FROM riverkeeper.client"), "the process to beat")
    world.sql.execute("DELETE FROM riverkeeper.heartbeat")
    world.beaten(claim)

    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
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
