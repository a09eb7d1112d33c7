"""What `check` says of the webhook."""

from __future__ import annotations

from pathlib import Path

import pytest

from riverkeeper.config.webhook import Webhook
from riverkeeper.keeper.report import Level
from riverkeeper.web.webhook_check import findings

TOKEN = "0123456789abcdef" * 2


def levels(file: Path | None) -> list[Level]:
    return [finding.level for finding in findings(Webhook.model_validate({"token_file": file}))]


def written(folder: Path, content: str, mode: int = 0o600) -> Path:
    file = folder / "token"
    file.write_text(content)
    file.chmod(mode)
    return file


def test_no_webhook_is_no_fault() -> None:
    """It is said, with what follows from it."""
    (finding,) = findings(Webhook())

    assert finding.level is Level.OK
    assert "404" in finding.what


def test_a_token_that_is_kept_well_is_right(tmp_path: Path) -> None:
    """Long, random, and readable by its owner alone."""
    assert levels(written(tmp_path, TOKEN)) == [Level.OK]


@pytest.mark.parametrize(("content", "mode"), [(TOKEN, 0o640), (TOKEN, 0o604), ("short", 0o600)])
def test_a_token_that_others_may_know_is_warned_of(tmp_path: Path, content: str, mode: int) -> None:
    """With the command that mends it, and never with the token."""
    told = list(findings(Webhook.model_validate({"token_file": written(tmp_path, content, mode)})))

    assert [finding.level for finding in told] == [Level.OK, Level.WARNING]
    assert content not in "".join(f"{finding.what}{finding.cure}" for finding in told)


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_file_without_a_token_is_a_problem(tmp_path: Path, content: str | None) -> None:
    """The webhook then lets nobody in, which must not be found out by a lost alert."""
    file = tmp_path / "nowhere" if content is None else written(tmp_path, content)

    assert levels(file) == [Level.PROBLEM]
