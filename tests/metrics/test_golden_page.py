"""The whole page of a small shop (page.txt), as Prometheus gets it. A change in it is one for every user: CHANGELOG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixtures.sample import FULL
from riverkeeper import __version__
from riverkeeper.evidence.lives import WatchState
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.metrics.family import Family
from riverkeeper.rescue.status import Acts

PAGE = Path(__file__).with_name("page.txt").read_text(encoding="utf-8")


def acts() -> Acts:
    """The acts of a replica that rescued one job, falsely."""
    did = Acts(is_active=True, to_rescue_seconds=4.0, last_webhook_at=1_700_000_000.5)
    did.rescues["standard", "worker_lost", "retry"] += 1
    did.refusals["locked"] += 2
    did.late_finishes["default", "email"] += 1
    did.late_results["default", "email", "completed"] += 1
    did.lost_jobs["default", "OOMKilled"] += 1
    did.to_rescue[3] += 1
    return did


def test_the_whole_page() -> None:
    """Names, types, help, labels, values, buckets and order."""
    body, content_type = Exposition().page(
        FULL, Process(acts=acts(), watch_state=lambda: WatchState(True, 12)), "", frozenset()
    )
    ours, _, libraries = body.decode().partition("# HELP process_")

    assert ours == PAGE.replace("VERSION", __version__)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert "python_info" in libraries


def test_the_page_above_shows_every_family() -> None:
    """Nobody adds a family without showing here what it looks like."""
    families: list[Family[Any]] = [*OF_SNAPSHOT, *ACTS, *PROCESS]

    assert {f"# TYPE {family.name}" for family in families} == {
        line.rpartition(" ")[0]
        for line in PAGE.splitlines()
        if line.startswith("# TYPE ") and not line.endswith(("_gcount gauge", "_gsum gauge"))
    }
