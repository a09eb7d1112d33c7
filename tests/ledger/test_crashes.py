"""The exporter dies at any point, the database forgets its last commits: the numbers are right afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from fixtures.contenders import Dying
from fixtures.cut_connection import Cut, wire
from fixtures.ledger_replica import SCHEMAS, SECONDS, Replica, equals_naive, page
from fixtures.simulated_river import World
from riverkeeper.demo.postgres import Server
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.install import install, uninstall

pytestmark = pytest.mark.long  # every statement a process can be killed at
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))


class Dead(Exception):
    """The process is gone."""


def die() -> None:
    raise Dead


@pytest.fixture
def shop(installed_url: str, sql: Session) -> World:
    """A shop at work, with a keeper schema."""
    world = World(sql, seed=1)
    world.work(20)
    world.pass_time(15)
    return world


def work(world: World, replica: Replica, collections: int = 3) -> Totals:
    for _ in range(collections):
        world.work(10)
        world.retry(2)
        world.pass_time(15)
        totals = replica.collect(world)
    return totals


def quiet(world: World, replica: Replica) -> Totals:
    for _ in range(30):
        world.pass_time(60)
        totals = replica.collect(world)
    return totals


def shown(totals: Totals) -> int:
    """Jobs on the page."""
    return sum(sum(pair.outcomes.values()) for pair in page(totals).pairs)


def test_death_between_any_two_statements_changes_nothing(installed_url: str, shop: World) -> None:
    """What was not committed was never there; the next process counts it."""
    with Replica(installed_url, durable=True) as replica:
        work(shop, replica)
        for statement in range(100):
            before = replica.committed()
            shop.work(5)
            shop.pass_time(15)
            replica.restart()
            read = replica.read(shop)
            try:
                with replica.writing() as tx:
                    replica.ledger.settle(cast(Transaction, Dying(tx, statement, die)), read.reading, {})
                break
            except Dead:
                assert replica.committed() == before
        shop.seen(read.slots, read.present)

        assert statement >= 6
        equals_naive(shop, quiet(shop, replica))


def test_death_between_commit_and_page_changes_nothing(installed_url: str, shop: World) -> None:
    """Nobody saw these numbers yet; the next process shows them, and later ones."""
    with Replica(installed_url, durable=True) as replica:
        work(shop, replica)
        shop.work(5)
        shop.pass_time(15)
        read = replica.read(shop)
        with replica.writing() as tx:
            totals = replica.ledger.settle(tx, read.reading, {})
        shop.seen(read.slots, read.present)
        replica.restart()

        assert page(replica.committed()) == page(totals)
        equals_naive(shop, quiet(shop, replica))


@pytest.mark.parametrize("statement", range(16) if LONG else [5])
def test_kill_9_changes_nothing(installed_url: str, shop: World, statement: int) -> None:
    """The same with a real process: the server rolls back, and its lock is gone with it."""
    with Replica(installed_url, durable=True) as replica:
        work(shop, replica)
        before = replica.committed()
        shop.work(5)
        shop.pass_time(15)
        command = [sys.executable, "-m", "fixtures.ledger_victim", installed_url, str(shop.now), str(statement)]
        ended = subprocess.run(command, check=False, cwd=Path(__file__).parents[1], timeout=60)

        if ended.returncode == -signal.SIGKILL:
            assert replica.committed() == before
        else:
            assert ended.returncode == 0
            shop.seen(set(range(10**9)), shop.present())
        equals_naive(shop, quiet(shop, replica))


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_a_wire_cut_at_the_commit_changes_nothing(installed_url: str, shop: World, cut: Cut) -> None:
    """Nobody knows whether it was committed: nothing is shown this time, and the next time it is right."""
    with wire(installed_url) as (proxy, url), Replica(url, durable=True) as replica:
        work(shop, replica)
        before = replica.committed()
        shop.work(5)
        shop.pass_time(15)
        read = replica.read(shop)
        proxy.cut = cut
        with pytest.raises(DatabaseError) as error, replica.writing() as tx:
            replica.ledger.settle(tx, read.reading, {})
        proxy.cut = Cut.NEVER
        if cut is Cut.AFTER:
            shop.seen(read.slots, read.present)

        assert error.value.kind is ErrorKind.LOST
        assert (replica.committed() == before) == (cut is Cut.BEFORE)
        totals = quiet(shop, replica)
    assert totals.epoch == 1
    equals_naive(shop, totals)


def test_a_connection_that_is_terminated_changes_nothing(installed_url: str, shop: World, sql: Session) -> None:
    """An administrator ends the session in the midst of it."""
    with Replica(installed_url, durable=True) as replica:
        work(shop, replica)
        before = replica.committed()
        shop.work(5)
        shop.pass_time(15)
        read = replica.read(shop)

        def terminate() -> None:
            sql.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'riverkeeper'"
            )

        with pytest.raises(DatabaseError), replica.writing() as tx:
            replica.ledger.settle(cast(Transaction, Dying(tx, 4, terminate)), read.reading, {})

        assert replica.committed() == before
        equals_naive(shop, quiet(shop, replica))


def test_a_failover_that_lost_commits_begins_a_new_epoch(postgres: Server, new_database: Callable[[], str]) -> None:
    """Counters begin at 0 and say so; what kinds last did is still known; the other replica follows."""
    url = new_database()
    install(url, None, None)
    with Session(url) as sql:
        world, replica = World(sql, seed=2), Replica(url, durable=True)
        work(world, replica, 10)
        replica.database.close()
    copy = postgres.database(f"{url.rpartition('/')[2]}_standby", template=url.rpartition("/")[2])
    with Session(url) as world.sql:
        before = work(world, replica, 5)
    replica.move(copy)
    with Session(copy) as world.sql, replica, Replica(copy, durable=True) as other, capture_logs() as logs:
        world.pass_time(15)
        after, followed = replica.collect(world), other.collect(world)

    assert (before.epoch, after.epoch, followed.epoch) == (1, 2, 2)
    assert shown(after) < shown(before) / 3
    assert [log["event"] for log in logs] == [
        "ledger starts a new epoch: counters begin at 0",
        "counters of finished jobs began again at 0",
    ]
    assert None not in {pair.last_finished for pair in page(after).pairs}


def test_another_server_begins_a_new_epoch(installed_url: str, shop: World, sql: Session) -> None:
    """A promoted standby has another timeline: also where nothing seems to be missing."""
    with Replica(installed_url, durable=True) as replica:
        before = work(shop, replica, 10)
        sql.execute("UPDATE riverkeeper.ledger SET server = split_part(server, '/', 1) || '/00000000'")
        shop.pass_time(15)
        with capture_logs() as logs:
            after = replica.collect(shop)
        shop.pass_time(15)

        assert (after.epoch, replica.collect(shop).epoch) == (2, 2)
        assert shown(after) < shown(before) / 3
        assert "timeline" in next(log["reason"] for log in logs if "reason" in log)


def test_a_keeper_schema_made_anew_begins_anew(installed_url: str, shop: World) -> None:
    """Somebody removed and installed it while we ran: the ledger begins, and its counters with it."""
    with Replica(installed_url, durable=True) as replica:
        work(shop, replica, 10)
        uninstall(installed_url, None, None)
        install(installed_url, None, None)
        after = replica.collect(shop)

        assert (after.epoch, shown(after)) == (2, 0)


def test_a_reading_without_its_ledger_is_an_error_in_words(installed_url: str, shop: World, sql: Session) -> None:
    """The row of the table is gone: not a fault in riverkeeper."""
    sql.execute("DELETE FROM riverkeeper.ledger")
    with Replica(installed_url, durable=True) as replica, pytest.raises(DatabaseError, match="INSERT INTO"):
        replica.read(shop)


def test_a_fall_is_not_shown_while_another_replica_writes(installed_url: str, shop: World, sql: Session) -> None:
    """Who cannot begin a new epoch shows nothing rather than a counter that fell."""
    with Replica(installed_url, durable=True) as replica, Replica(installed_url, durable=True) as other:
        work(shop, replica, 5)
        sql.execute("DELETE FROM riverkeeper.ledger_total; UPDATE riverkeeper.ledger SET stamp = 1")
        read = replica.read(shop)
        with other.database.writing(SECONDS, SCHEMAS) as tx:
            other.ledger.store.lock(tx)
            with pytest.raises(DatabaseError, match="anew"):
                replica.settle(shop, read)

        assert replica.settle(shop, read).epoch == 2
