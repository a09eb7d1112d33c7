"""How generated files are written: whole or not at all, and only where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from riverkeeper.generate import main, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """What fails on its way leaves the old text, and nothing beside it."""
    file = tmp_path / "alerts" / "rules.yml"
    write_whole(file, "old")

    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "new \ud800")

    assert {path.name: path.read_text() for path in file.parent.iterdir()} == {"rules.yml": "old"}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The statements of the heartbeat package are reached by one."""
    (tmp_path / "link.sql").symlink_to("file.sql")

    write_whole(tmp_path / "link.sql", "SELECT 1")

    assert (tmp_path / "link.sql").is_symlink()
    assert (tmp_path / "file.sql").read_text() == "SELECT 1"


def test_nothing_is_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the package's folder of assets the names of the rules would hit their templates."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit, match="Run this in the folder of the repository"):
        main()

    assert list(tmp_path.iterdir()) == []
