"""What the exporter showed in the end, and whether it missed anything. Everything is read from its /metrics."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group
from rich.table import Table

from riverkeeper.demo.exposition import Page
from riverkeeper.look.report import LookReport

OUTCOMES = ("completed", "discarded", "cancelled")
LOOK_FINDINGS = 2
FINISHED = "river_jobs_finished_total"


def find_missing(page: Page, finished: Mapping[str, int]) -> list[str]:
    """A sentence for each thing the exporter should show and does not; `finished` is what the fleet finished."""
    said = []
    if page.total("river_up") != 1:
        said.append("river_up is not 1: the exporter lost River's table while the demo ran")
    for outcome, jobs in sorted(finished.items()):
        counted = page.total(FINISHED, outcome=outcome)
        if counted < jobs:
            said.append(f"the fleet finished {jobs} jobs as {outcome}, but {FINISHED} says {counted:.0f}")
    return said


def summarize_page(page: Page) -> Group:
    """Two tables: what each kind did, and what waits in each queue."""
    return Group(_kinds(page), _queues(page))


def summarize_look(report: LookReport) -> list[str]:
    """The verdict of `riverkeeper look`, and its first findings."""
    titles = [finding.title for finding in report.findings[:LOOK_FINDINGS]]
    return [report.verdict, *titles]


def _kinds(page: Page) -> Table:
    table = _table("By kind", "kind", *OUTCOMES, "p95 run", "running", "no beat", "failing")
    for kind in _values(page, "kind", FINISHED, "river_jobs_by_kind"):
        table.add_row(
            kind,
            *(_number(page.total(FINISHED, kind=kind, outcome=outcome)) for outcome in OUTCOMES),
            _seconds(page.quantile(0.95, "river_job_run_duration_seconds", kind=kind)),
            _number(page.total("river_jobs_by_kind", kind=kind, state="running")),
            _number(page.total("river_jobs_unknown", kind=kind)),
            _number(page.total("river_jobs_failing", kind=kind)),
        )
    return table


def _queues(page: Page) -> Table:
    now = page.least("riverkeeper_snapshot_timestamp_seconds")
    headings = ("due", "oldest due", "oldest running", "oldest beat", "cancel pending", "paused")
    table = _table("\nBy queue", "queue", *headings)
    for queue in _values(page, "queue", "river_jobs", "river_queue_paused"):
        moments = [
            page.least(f"river_job_oldest_{what}_timestamp_seconds", queue=queue)
            for what in ("ready", "running", "heartbeat")
        ]
        table.add_row(
            queue,
            _number(page.total("river_jobs_ready", queue=queue)),
            *(_seconds(now - moment if now and moment else None) for moment in moments),
            _number(page.total("river_jobs_cancel_pending", queue=queue)),
            "yes" if page.total("river_queue_paused", queue=queue) else "",
        )
    return table


def _table(title: str, first: str, *headings: str) -> Table:
    """Narrow enough for eighty columns: names are not cut."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _values(page: Page, label: str, *names: str) -> list[str]:
    return sorted({sample.labels[label] for name in names for sample in page.find(name)})


def _number(value: float) -> str:
    return f"{value:,.0f}" if value else ""


def _seconds(value: float | None) -> str:
    """Two significant digits, which is what buckets can tell."""
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{max(0.0, value):,.1f} s"
