"""`riverkeeper demo` until all that it announces was seen. How it starts and ends is in demo/test_command.py."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path

from fixtures.demo_process import LIMIT_SECONDS, Demo, assert_nothing_is_left, demo_folder, started
from riverkeeper.demo.exposition import Page, read
from riverkeeper.demo.guide import FAULTS
from riverkeeper.demo.program import fetch

__all__ = ["demo_folder"]


def announced() -> set[str]:
    """The metrics in which the guide lets faults be seen."""
    return {metric for _, metric in FAULTS}


def shown(page: Page) -> set[str]:
    """Those of the announced metrics that have a value above 0 on the page."""
    found = set()
    for metric in announced():
        name, _, labels = metric.partition("{")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if page.total(name, **wanted) > 0:
            found.add(metric)
    return found


def assert_all_faults_show(demo: Demo) -> None:
    """Each announced metric has a value above 0 at one time or another."""
    missing = announced()
    deadline, pause = time.monotonic() + LIMIT_SECONDS, threading.Event()
    while missing:
        missing -= shown(read(fetch(f"{demo.url}/metrics") or ""))
        assert time.monotonic() < deadline, missing
        pause.wait(0.5)  # between looks: the exporter reads the table every two seconds at most


def test_every_announced_fault_shows_and_ctrl_c_ends_it(folder: Path) -> None:
    """Each metric of the guide comes to have a value, without a restart; then Ctrl-C ends it all, exit code 0.

    A job whose worker was killed runs again, rescued by the exporter; the summary counts it, and no false rescue.

    Meanwhile a second demo finds the usual port taken, reports that, and works on another.
    """
    with started(folder) as demo:
        demo.read_until("Workers are killed and jobs hang")
        with started(folder) as second:
            second.read_until("Workers are killed and jobs hang")
            assert "is taken" in second.said
            assert second.url != demo.url
            assert fetch(f"{second.url}/metrics")
            assert second.end(signal.SIGTERM) == 0, second.said
        assert_all_faults_show(demo)
        assert "sync_crm" in (fetch(f"{demo.url}/failing") or "")  # it always fails
        demo.read_until("running again after")
        assert re.search(r"\w+ \d+: (worker killed|hung), noticed after \d+ s, running again after \d+ s\n", demo.said)
        assert "worker" in (fetch(f"{demo.url}/rescues") or "")
        assert demo.end(signal.SIGINT) == 0, demo.said
    assert re.search(r"False rescues: 0 of [1-9]\d*\.", demo.said), demo.said
    assert "Time to the next attempt: p50" in demo.said
    assert_nothing_is_left(demo, folder)
