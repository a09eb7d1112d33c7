"""Level plain: a database in which this client may not beat, or where it must not trust what it finds.

From level leasing on, the claims have a lease, which no refusal may end.
"""

from __future__ import annotations

from conformance.scenarios import Level, scenario
from conformance.worker import Worker
from conformance.world import World


def refuse(world: World, worker: Worker) -> None:
    """Beats are refused for longer than any lease, and nothing is cancelled."""
    worker.fails(world.refusals)
    assert worker.causes == []


@scenario(Level.PLAIN)
def keeper_schema_of_another_river(world: World) -> None:
    """Nothing is written there, whatever begins and ends, and nothing is cancelled: jobs go on without beats."""
    world.other_river("other")
    worker = world.worker(river="other")
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    refuse(world, worker)

    result = worker.end(claim)
    assert (result["held"], result["token"]) == (True, None)
    worker.fails(2)
    assert world.rows("SELECT FROM riverkeeper.client") == world.rows("SELECT FROM riverkeeper.heartbeat") == []


def beats_only_when_it_may(world: World, column: str, value: int) -> None:
    """Nothing is written while meta.sql forbids it; beats begin when it allows it."""
    [meta] = world.rows("SELECT * FROM riverkeeper.meta")
    world.set_meta(column, value)
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    refuse(world, worker)
    assert world.rows("SELECT FROM riverkeeper.client") == world.rows("SELECT FROM riverkeeper.heartbeat") == []
    world.set_meta(column, meta[column])

    world.beaten(claim)
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def keeper_schema_that_needs_a_newer_client(world: World) -> None:
    """A client that does not know the tables of today writes nothing into them."""
    beats_only_when_it_may(world, "min_compatible", 99)


@scenario(Level.PLAIN)
def keeper_schema_without_heartbeats(world: World) -> None:
    """Version 1 of the tables had none."""
    beats_only_when_it_may(world, "version", 1)


@scenario(Level.PLAIN)
def keeper_schema_changes_hands(world: World) -> None:
    """A new connection asks again: the address may lead to another server by now."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.set_meta("river_schema", "other")
    proxy.cut()
    worker.fails(3)
    row = world.row(claim)
    worker.fails(2)
    assert world.row(claim) == row
    world.set_meta("river_schema", "public")

    world.beats_again(claim)
    assert worker.causes == []


@scenario(Level.PLAIN, takes_a_minute=True)
def keeper_schema_changes_hands_on_a_connection(world: World) -> None:
    """A connection that lasts asks again within a minute."""
    interval = 20 * world.interval  # long, because a beat that is late by half an interval would need a new connection
    worker = world.worker(interval=interval)
    worker.beats(2)
    before = worker.stats()["failures"]
    world.set_meta("river_schema", "other")
    changed_at = world.now()

    world.until(lambda: worker.stats()["failures"] > before, "beats to be refused")
    assert (world.now() - changed_at).total_seconds() < 60 + 2 * interval + world.slack()


@scenario(Level.PLAIN)
def hostile_search_path(world: World) -> None:
    """A schema of the login's search_path offers its own `now()`: no statement of a client calls it."""
    world.sql.execute("CREATE SCHEMA hostile")
    world.sql.execute("CREATE TABLE hostile.called (at timestamptz)")
    world.sql.execute(
        "CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS "
        "$$ INSERT INTO hostile.called VALUES (pg_catalog.now()) RETURNING at $$"
    )
    world.set_database("search_path = hostile, pg_catalog, public")
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    worker.beats(2)

    assert world.rows("SELECT FROM hostile.called") == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def policy_hides_the_jobs(world: World) -> None:
    """Row level security without a policy hides every job: that is a refusal, not a thousand lost claims."""
    worker = world.worker(world.as_role())
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.sql.execute("ALTER TABLE river_job ENABLE ROW LEVEL SECURITY")
    refuse(world, worker)
    world.sql.execute("ALTER TABLE river_job DISABLE ROW LEVEL SECURITY")

    world.beats_again(claim)
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def server_becomes_read_only(world: World) -> None:
    """A standby cancels nothing, with a lease neither; beats go on when a primary is there."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.set_database("default_transaction_read_only = on")
    proxy.cut()
    refuse(world, worker)
    world.sql.execute(f'ALTER DATABASE "{world.sql.info.dbname}" RESET default_transaction_read_only')
    proxy.cut()

    world.beats_again(claim)
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def tables_are_dropped(world: World) -> None:
    """Under a working fleet: nothing is cancelled. With the schema goes the fence, and so the token."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.sql.execute("DROP SCHEMA riverkeeper CASCADE")
    refuse(world, worker)

    result = worker.end(claim)
    assert (result["token"], result["held"]) == (None, True)
    assert world.write(result)["metadata"] == {}


@scenario(Level.PLAIN)
def column_is_missing(world: World) -> None:
    """As in an upgrade in the wrong order: nothing is cancelled, and beats go on when it is there."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.sql.execute("ALTER TABLE riverkeeper.heartbeat RENAME COLUMN beat_interval TO pace")
    refuse(world, worker)
    world.sql.execute("ALTER TABLE riverkeeper.heartbeat RENAME COLUMN pace TO beat_interval")

    world.beats_again(claim)
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def grant_is_revoked(world: World) -> None:
    """Under a working fleet: nothing is cancelled, and beats go on when it is given back."""
    worker = world.worker(world.as_role())
    claim, waiting = world.claims(2)
    for each in (claim, waiting):
        worker.start(each, lease=world.refused_lease)
        world.beaten(each)
    world.sql.execute("REVOKE INSERT, UPDATE ON riverkeeper.heartbeat FROM riverkeeper_worker")
    refuse(world, worker)
    world.expect_token(worker.end(waiting), waiting)  # the fence is in force all the same
    world.give_rights()

    world.beats_again(claim)
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def login_is_refused(world: World) -> None:
    """As after a change of passwords in the wrong order: nothing is cancelled, and beats go on afterwards."""
    worker, proxy = world.through_proxy(url=world.as_role())
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.sql.execute(f'ALTER ROLE "{world.role}" NOLOGIN')
    proxy.cut()
    refuse(world, worker)
    world.sql.execute(f'ALTER ROLE "{world.role}" LOGIN')

    world.beats_again(claim)
    assert worker.held(claim) is True
