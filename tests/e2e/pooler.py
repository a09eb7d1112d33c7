"""PgBouncer before a server, as hosted databases offer it; in transaction mode unless another is named."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from e2e.programs import free_port, plain_user, started, tool
from fixtures.waiting import until

# Nothing is forgiven: no start-up parameter is ignored, no session state is reset between clients.
CONFIG = """
[databases]
* = host={host} port={server} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
"""


@contextlib.contextmanager
def pooled(url: str, folder: Path, mode: str = "transaction", size: int = 2) -> Iterator[str]:
    """The URL of the same database through the pooler; `size` is that of the pool."""
    parts, port = urlsplit(url), free_port()
    config = CONFIG.format(host=parts.hostname, server=parts.port, user=parts.username, port=port, mode=mode, size=size)
    through = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    libraries = {"LD_LIBRARY_PATH": ":".join(map(str, tool("pgbouncer").glob("**/*-linux-gnu")))}
    with readable_file(config) as file:
        command = [tool("pgbouncer") / "usr/sbin/pgbouncer", file]
        with started("pgbouncer", command, folder, libraries, plain_user()) as program:
            until(lambda: program.lives() and answers(through), "PgBouncer to answer")
            yield through


@contextlib.contextmanager
def readable_file(text: str) -> Iterator[Path]:
    """A file that also the plain user can read as whom PgBouncer runs."""
    with tempfile.TemporaryDirectory(prefix="riverkeeper-pgbouncer-") as name:
        Path(name).chmod(0o755)
        file = Path(name) / "pgbouncer.ini"
        file.write_text(text)
        yield file


def answers(url: str) -> bool:
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(url, connect_timeout=5, autocommit=True) as connection,
    ):
        return connection.execute("SELECT 1").fetchone() == (1,)
    return False
