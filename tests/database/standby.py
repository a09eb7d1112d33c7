"""Two real servers: a primary, a standby that streams from it and is not waited for, and the end of the one."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from conformance.proxy import Proxy, proxied
from conformance.worker import until
from riverkeeper.demo.plain_user import hand_over, plain_user
from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.demo.table import create_river_table
from riverkeeper.schema.install import install

REACHED = {
    "replayed": "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn",
    "received": "SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn",
}


@dataclass
class Pair:
    """`way` is the address of the one that serves, as a proxy or a name that follows a failover."""

    primary: Server
    standby: Server
    way: Proxy

    @property
    def hosts(self) -> str:
        """Both, as libpq takes them: whichever can be written to."""
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://postgres@{ports}/river?target_session_attrs=read-write"

    def cut(self) -> None:
        """What commits from now on the standby never hears of."""
        until(lambda: replayed(self.primary, self.standby), "the standby to catch up")
        self.standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.execute("SELECT pg_reload_conf()")
        until(lambda: not _rows(self.standby, "SELECT 1 FROM pg_stat_wal_receiver"), "the replication to end")

    def hold(self) -> None:
        """What commits from now on the standby has, and shows only when it is promoted."""
        self.standby.execute("SELECT pg_wal_replay_pause()")

    def fail_over(self) -> None:
        """The primary dies, between any two of its instructions, and the standby is promoted."""
        self.way.refuse()
        self.primary.stop(signal.SIGQUIT)
        self.standby.execute("SELECT pg_promote()")
        self.way.lead_to(self.standby.database_url("river"))
        self.way.restore()


@contextmanager
def paired() -> Iterator[Pair]:
    """Two servers with a River-shaped database `river`, where a keeper's schema is installed."""
    with start_postgres() as primary:
        url = primary.database("river")
        create_river_table(url, "public")
        install(url, None, None)
        with standby_of(primary) as standby, proxied(primary.database_url("river")) as way:
            yield Pair(primary, standby, way)


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """A server that streams from another; its data folder is a copy of the primary's."""
    folder = Path(tempfile.mkdtemp(prefix="riverkeeper-standby-"))
    server = Server(primary.bin, folder, _free_port(), primary.settings)
    try:
        hand_over(folder)
        _copy(primary, folder)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def replayed(primary: Server, standby: Server, how: str = "replayed") -> bool:
    """Whether the standby has all that the primary has written until now, and shows it; or has only `received` it."""
    written = _rows(primary, "SELECT pg_current_wal_insert_lsn()::text")[0]
    return bool(_rows(standby, REACHED[how], *written)[0][0])


def _copy(primary: Server, folder: Path) -> None:
    tool = str(primary.bin / "pg_basebackup")
    command = [tool, "-d", primary.url, "-D", f"{folder}/data", "-R", "-c", "fast", "--no-sync"]
    subprocess.run(command, check=True, cwd="/", **plain_user())


def _rows(server: Server, sql: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(sql, values).fetchall()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
