"""docs/quickstart.md has seven steps, and the worker's line of the Go client.

All its commands, with real Go workers and the rescue itself: tests/e2e/test_quickstart.py.
"""

from __future__ import annotations

import re

from consistency.tree import ROOT
from fixtures.quickstart import PAGE, TRIED_ELSEWHERE, commands


def test_two_commands_are_tried_in_empty_environments() -> None:
    """By `make release`; the other commands are run by the end-to-end test."""
    _, install, _, _, _, _, client, *_ = commands()

    assert (install.line, client.line) == TRIED_ELSEWHERE


def test_the_steps_are_seven() -> None:
    """Each has one command: a number in bold, and the next block is its command."""
    text = PAGE.read_text(encoding="utf-8")
    steps = re.findall(r"^\*\*(\d)\. .*?^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)

    assert [number for number, _ in steps] == list("1234567")
    assert all(len(block.strip().splitlines()) == 1 for _, block in steps)


def test_the_line_of_a_worker_is_that_of_the_go_client() -> None:
    """The page of the client, whose code is compiled, has the same line; so has the worker of the end-to-end test."""
    (line,) = re.findall(r"^```go\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    worker = (ROOT / "tests" / "e2e" / "fleet" / "river_newest.go").read_text(encoding="utf-8")

    assert line in (ROOT / "clients" / "go" / "README.md").read_text(encoding="utf-8")
    assert line.replace("Plugins: ", "config.Plugins = ").strip().rstrip(",") in worker
