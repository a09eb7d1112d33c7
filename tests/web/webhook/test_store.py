"""The service behind the webhook, on a real server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.schema.install import install
from riverkeeper.service import Service

SCOPE = Scope(queue="mail", reason="worker_lost")
WAKES = "SELECT fingerprint, alert, queue, kind, tier, reason FROM riverkeeper.wake WHERE closed_at IS NULL ORDER BY id"


def service(url: str) -> Service:
    def loaded() -> Config:
        return load(None, {}, Options(database_url=url))

    return Service(loaded(), loaded)


def call(fingerprint: str = "ff", age: float = 60.0) -> Call:
    return Call(fingerprint, time.time() - age, "RiverJobsStuck", SCOPE)


def test_calls_are_committed_when_receive_returns(installed_url: str, sql: Session) -> None:
    """Another session sees them; what is too old is not among them."""
    wake = call()
    replica = service(installed_url)

    assert asyncio.run(replica.receive([wake, wake, call("old", 7200)])) == 1
    assert asyncio.run(replica.receive([wake])) == 1
    assert [tuple(row) for row in sql.execute(WAKES)] == [("ff", "RiverJobsStuck", "mail", None, None, "worker_lost")]


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE riverkeeper.wake; --", "%s %(queue)s %%", "\x01\x1b[31m\n", "{a,b}", "NULL", '"', "💥"]
)
def test_names_are_values(installed_url: str, sql: Session, name: str) -> None:
    """Whatever a label holds comes back as it was, and nothing else happens."""
    asyncio.run(service(installed_url).receive([Call("ff", time.time(), name, Scope(name, name, name, name))]))

    assert [tuple(row) for row in sql.execute(WAKES)] == [("ff", name, name, name, name, name)]


def test_without_a_keeper_schema_nothing_is_accepted(river_url: str, sql: Session) -> None:
    """Not installed, or from before the rescuer: reported, with what to do."""
    with pytest.raises(DatabaseError) as missing:
        asyncio.run(service(river_url).receive([call()]))
    install(river_url, None, None)
    sql.execute("UPDATE riverkeeper.meta SET version = 2")
    with pytest.raises(DatabaseError) as old:
        asyncio.run(service(river_url).receive([call()]))

    assert (missing.value.kind, old.value.kind) == (ErrorKind.NO_KEEPER, ErrorKind.NO_KEEPER)
    assert "riverkeeper schema install" in str(old.value)


def test_what_cannot_be_written_is_not_accepted(installed_url: str, sql: Session) -> None:
    """An error that has the alert sent again, and names no more than the statement."""
    sql.execute("ALTER TABLE riverkeeper.wake RENAME TO away")
    with pytest.raises(DatabaseError) as caught:
        asyncio.run(service(installed_url).receive([call("secret")]))

    assert caught.value.kind is ErrorKind.MISSING
    assert "secret" not in str(caught.value)


def test_accepted_alerts_are_counted(river_url: str, tmp_path: Path) -> None:
    """By status, all of them from 0, and when the last message came."""
    replica = service(river_url)
    snapshot = asyncio.run(replica.snapshot(5.0))
    before = replica.exposition(snapshot, "", frozenset())[0].decode()
    replica.count_alerts(Counter({"firing": 2, "resolved": 1}))
    after = replica.exposition(snapshot, "", frozenset())[0].decode()
    replica.close()

    assert 'riverkeeper_webhook_alerts_total{status="expired"} 0' in before
    assert 'riverkeeper_webhook_alerts_total{status="firing"} 2' in after
    assert "\nriverkeeper_last_webhook_timestamp_seconds " not in before
    assert "\nriverkeeper_last_webhook_timestamp_seconds " in after
