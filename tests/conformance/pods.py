"""Level progress, and any other: the pod of a process, for clients that report it."""

from __future__ import annotations

from conformance.floor import Event
from conformance.scenarios import Level, scenario
from conformance.world import World

POD = {"pod_namespace": "jobs", "pod_name": "web-0", "pod_uid": "0f3c1a52-5b0e-4c7e-9d52-0b8f1f2a9a11"}
ENVIRONMENT = {f"RIVERKEEPER_{name.upper()}": value for name, value in POD.items()}
OTHER = "UPDATE riverkeeper.client SET pod_name = 'written-by-the-test'"
COLUMNS = ("pod_namespace", "pod_name", "pod_uid", "host")
DROP = "ALTER TABLE riverkeeper.client " + ", ".join(f"DROP COLUMN {name}" for name in COLUMNS)
REVOKE = f"REVOKE UPDATE ({', '.join(COLUMNS)}) ON riverkeeper.client FROM riverkeeper_worker"


def reported(world: World) -> Event:
    """Wait until the row of the process names its pod."""
    return world.until(
        lambda: row if (row := world.client_row()) and row["pod_uid"] is not None else None, "the pod to be reported"
    )


def named(row: Event | None) -> dict[str, object]:
    assert row is not None
    return {name: row[name] for name in POD}


@scenario(Level.PROGRESS, part="pods")
def pod_is_reported_once(world: World) -> None:
    """With the host name, soon after the start; no later beat sends it again."""
    worker = world.worker(world.as_role(), environment=ENVIRONMENT)
    row = reported(world)
    assert named(row) == POD
    assert row["host"]

    world.sql.execute(OTHER)
    worker.beats(3)

    assert named(world.client_row()) == {**POD, "pod_name": "written-by-the-test"}


@scenario(Level.PROGRESS, part="pods")
def pod_is_reported_again_after_a_failure(world: World) -> None:
    """The row may have gone with the server that had it."""
    worker = world.worker(world.as_role(), environment=ENVIRONMENT)
    reported(world)
    world.sql.execute("REVOKE UPDATE (beat_at) ON riverkeeper.client FROM riverkeeper_worker")
    worker.fails(1)
    world.sql.execute("DELETE FROM riverkeeper.client")
    world.give_rights()

    assert named(reported(world)) == POD


@scenario(Level.PROGRESS, part="pods")
def process_without_a_pod_reports_none(world: World) -> None:
    """Nothing is guessed: not the host name either."""
    worker = world.worker(world.as_role(), environment=dict.fromkeys(ENVIRONMENT, ""))
    worker.beats(2)

    row = world.client_row()
    assert named(row) == dict.fromkeys(POD)
    assert row is not None
    assert row["host"] is None


@scenario(Level.PROGRESS, part="pods")
def odd_pods_stop_no_beat(world: World) -> None:
    """What can be no name is NULL, and the rest is reported."""
    odd = {"RIVERKEEPER_POD_NAMESPACE": "jöbs", "RIVERKEEPER_POD_NAME": "a" * 10_000}
    worker = world.worker(world.as_role(), environment={**ENVIRONMENT, **odd})
    claim = world.claim()
    worker.start(claim)
    row = reported(world)
    world.beats_again(claim)

    assert named(row) == {"pod_namespace": None, "pod_name": None, "pod_uid": POD["pod_uid"]}
    assert worker.stats()["failures"] == 0
    assert worker.held(claim) is True


def beats_in_spite_of(world: World, statement: str) -> None:
    """A statement took the columns, or the right to write them: each beat is answered as before."""
    url = world.as_role()
    world.sql.execute(statement)
    worker = world.worker(url, environment=ENVIRONMENT)
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    worker.beats(world.refusals)

    assert worker.stats()["failures"] == 0
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PROGRESS, part="pods")
def keeper_schema_without_pods(world: World) -> None:
    """An older one takes beats as before."""
    beats_in_spite_of(world, DROP)


@scenario(Level.PROGRESS, part="pods")
def pod_that_is_refused_costs_no_beat(world: World) -> None:
    """Nothing is cancelled, no beat counts as failed, and the claim is held."""
    beats_in_spite_of(world, REVOKE)

    assert named(world.client_row()) == dict.fromkeys(POD)
