"""What `check` reports of the webhook."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from riverkeeper.config.settings import WebhookSettings
from riverkeeper.doctor.report import Level
from riverkeeper.web.webhook.check import explain_exposure, findings

TOKEN = "0123456789abcdef" * 2


def levels(file: Path | None) -> list[Level]:
    return [finding.level for finding in findings(WebhookSettings.from_tree({"token_file": file}))]


def written(folder: Path, content: str, mode: int = 0o600) -> Path:
    file = folder / "token"
    file.write_text(content)
    file.chmod(mode)
    return file


def test_no_webhook_is_no_fault() -> None:
    """It is reported, with what follows from it."""
    (finding,) = findings(WebhookSettings())

    assert finding.level is Level.OK
    assert "404" in finding.message


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_token_that_is_kept_well_is_right(tmp_path: Path, mode: int) -> None:
    """Long, random, and readable by its owner and group at most: a mounted secret is read by its group."""
    assert levels(written(tmp_path, TOKEN, mode)) == [Level.OK]


@pytest.mark.parametrize(("content", "mode"), [(TOKEN, 0o644), (TOKEN, 0o604), ("short", 0o600)])
def test_a_token_that_others_may_know_is_warned_of(tmp_path: Path, content: str, mode: int) -> None:
    """With the command that fixes it, and never with the token."""
    found = list(findings(WebhookSettings.from_tree({"token_file": written(tmp_path, content, mode)})))

    assert [finding.level for finding in found] == [Level.OK, Level.WARNING]
    assert content not in "".join(f"{finding.message}{finding.fix}" for finding in found)


def test_the_fix_keeps_the_token_readable(tmp_path: Path) -> None:
    """The proposed command, run, ends the warning and leaves the file readable to its owner."""
    file = written(tmp_path, TOKEN, 0o644)
    (_, warned) = findings(WebhookSettings.from_tree({"token_file": file}))

    subprocess.run(shlex.split(str(warned.fix)), check=True)

    assert levels(file) == [Level.OK]


def test_who_reads_it_as_one_of_the_others_takes_its_group_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret mounted as root's, with mode 644: closing it to others alone would close it to Riverkeeper too."""
    file = written(tmp_path, TOKEN, 0o644)
    stranger = file.stat().st_uid + file.stat().st_gid + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    monkeypatch.setattr(os, "getegid", lambda: stranger)
    monkeypatch.setattr(os, "getgroups", list)

    (_, warned) = findings(WebhookSettings.from_tree({"token_file": file}))

    assert warned.fix is not None
    assert warned.fix.startswith(f"chgrp {stranger} {file} && chmod 640 {file};")
    assert "defaultMode: 0440" in warned.fix


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_file_without_a_token_is_a_problem(tmp_path: Path, content: str | None) -> None:
    """The webhook then lets nobody in, which must not be found out by a lost alert."""
    file = tmp_path / "nowhere" if content is None else written(tmp_path, content)

    assert levels(file) == [Level.PROBLEM]


@pytest.mark.parametrize(
    ("mode", "is_open"), [(0o644, True), (0o604, True), (0o440, False), (0o640, False), (0o600, False)]
)
def test_serve_warns_of_others_rights_alone(tmp_path: Path, mode: int, is_open: bool) -> None:
    """The group may read it, as a mounted secret's does; the report never holds the token."""
    why = explain_exposure(written(tmp_path, TOKEN, mode))

    assert (why is not None) == is_open
    assert TOKEN not in (why or "")
    assert explain_exposure(tmp_path / "nowhere") is None
