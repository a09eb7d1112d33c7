"""The throw-away Postgres starts wherever it may be tried, and names what is missing where it cannot."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from riverkeeper.demo import postgres
from riverkeeper.demo.postgres import NoPostgres, find_binaries, start_postgres
from riverkeeper.demo.program import free_port
from riverkeeper.postgres.connection import Session


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which Postgres may enter also where we are root."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def answers(url: str) -> bool:
    with Session(url) as session:
        return bool(session.execute("SELECT 1 AS one")[0].one)


def test_a_port_that_was_taken_meanwhile_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free port may be gone when the server binds it: another one is tried."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        taken = holder.getsockname()[1]
        ports = iter([taken])
        monkeypatch.setattr(postgres, "free_port", lambda: next(ports, None) or free_port())
        with start_postgres() as server:
            assert server.port != taken
            assert answers(server.url)


def test_a_long_folder_name_is_no_obstacle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path is limited to 107 bytes, a temporary folder's is not: then there is TCP only."""
    deep = folder / ("x" * 100)
    deep.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with start_postgres() as server:
        assert answers(server.url)
    assert list(deep.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as somebody else")
def test_binaries_that_only_root_can_reach_are_copied(folder: Path) -> None:
    """A virtual environment below /root is closed to `nobody`: it works all the same."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    installed = find_binaries().parent
    for part in (installed.parent, installed.parent.with_name(f"{installed.parent.name}.libs")):
        (closed / part.name).symlink_to(part)
    with start_postgres(binaries=closed / installed.parent.name / installed.name / "bin") as server:
        assert answers(server.url)
    assert [entry.name for entry in folder.iterdir()] == ["closed"]


def test_a_folder_without_a_server_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wrong RIVERKEEPER_PG_BIN is a sentence, not a traceback."""
    monkeypatch.setenv("RIVERKEEPER_PG_BIN", str(tmp_path))
    with pytest.raises(NoPostgres, match=rf"RIVERKEEPER_PG_BIN is {tmp_path}, where there is no initdb"):
        find_binaries()


def test_a_server_that_does_not_start_leaves_nothing(folder: Path) -> None:
    """Its log gives the reason, and its folder is gone."""
    with pytest.raises(NoPostgres, match="no_such_setting"), start_postgres(settings=("no_such_setting=1",)):
        pass
    assert list(folder.iterdir()) == []
