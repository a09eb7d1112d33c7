"""The demo's summary lists what the exporter saw, and what it missed."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from riverkeeper.demo.exporter import Address
from riverkeeper.demo.exposition import Page, read
from riverkeeper.demo.guide import FAULTS, guide
from riverkeeper.demo.kinds import KINDS
from riverkeeper.demo.summary import find_missing, summarize_look, summarize_page
from riverkeeper.look.finding import Certainty, Finding, ReportPart
from riverkeeper.look.report import LookReport
from riverkeeper.metrics.catalogue import OF_SNAPSHOT

PAGE = read("""\
river_up 1
riverkeeper_snapshot_timestamp_seconds 1000
river_jobs_finished_total{queue="mail",kind="send_email",outcome="completed"} 1234
river_jobs_finished_total{queue="mail",kind="send_email",outcome="discarded"} 2
river_jobs_finished_total{queue="mail",kind="send_email",outcome="cancelled"} 0
river_jobs_by_kind{queue="bulk",kind="transcode_video",state="running"} 3
river_jobs_unknown{queue="bulk",kind="transcode_video"} 1
river_job_oldest_ready_timestamp_seconds{queue="mail",priority="1"} 990
river_job_oldest_ready_timestamp_seconds{queue="mail",priority="4"} 977.5
river_jobs{queue="mail",state="available"} 7
river_jobs_ready{queue="mail",priority="1"} 7
river_queue_paused{queue="mail"} 1
# TYPE river_job_run_duration_seconds histogram
river_job_run_duration_seconds_bucket{queue="mail",kind="send_email",le="0.25"} 100
river_job_run_duration_seconds_bucket{queue="mail",kind="send_email",le="+Inf"} 100
""")


def printed(page: Page) -> str:
    paper = io.StringIO()
    Console(width=80, file=paper).print(summarize_page(page))
    return paper.getvalue()


def row(page: Page, first: str) -> list[str]:
    (line,) = [line for line in printed(page).splitlines() if line.startswith(f"{first} ")]
    return line.split()


def test_a_kinds_row() -> None:
    """Finished by outcome, the p95 of its runs, running and without a beat; nothing is an empty cell, not a 0."""
    assert row(PAGE, "send_email") == ["send_email", "1,234", "2", "238", "ms"]
    assert row(PAGE, "transcode_video") == ["transcode_video", "3", "1"]


def test_a_queues_row() -> None:
    """What is due, and for how long the oldest has been, by the database's clock."""
    assert row(PAGE, "mail") == ["mail", "7", "22.5", "s", "yes"]


def test_an_empty_page_prints() -> None:
    """Nothing seen is an empty table, not an error."""
    assert "By kind" in printed(Page())


def test_names_are_not_cut() -> None:
    """Eighty columns hold the longest kind and every heading."""
    series = 'river_jobs_finished_total{{queue="q",kind="{}",outcome="completed"}} 123456\n'
    finished = "".join(series.format(kind.name) for kind in KINDS)
    lines = printed(read(finished))
    assert "…" not in lines
    assert max(len(line.rstrip()) for line in lines.splitlines()) <= 80


def test_nothing_is_missing_where_the_exporter_counted_all() -> None:
    """It may have counted more: someone may have worked on the table beside the fleet."""
    assert find_missing(PAGE, {"completed": 1234, "discarded": 1}) == []


def test_what_is_missing_is_reported() -> None:
    """A job the exporter did not count, and a table it does not read, each give a sentence with the numbers."""
    assert find_missing(PAGE, {"completed": 1240}) == [
        "the fleet finished 1240 jobs as completed, but river_jobs_finished_total says 1234"
    ]
    assert find_missing(Page(), {}) == ["river_up is not 1: the exporter lost River's table while the demo ran"]


def test_the_guide_names_metrics_that_exist() -> None:
    """What it sends the reader to look at is in the catalogue."""
    known = {family.name for family in OF_SNAPSHOT}
    named = {metric.partition("{")[0] for _, metric in FAULTS}
    assert named - known == set()


def test_the_guide_names_kinds_that_exist() -> None:
    """Each fault that is announced is one of the fleet's, and the kinds that often end badly are named."""
    text = " ".join(f"{fault} {metric}" for fault, metric in FAULTS)
    untold = {"parse_upload"}  # its line says why it is not rescued
    troubled = {kind.name for kind in KINDS if kind.first_ending or sum(kind.endings.values()) > 0.1}
    assert {name for name in troubled - untold if name not in text} == set()


def test_the_guide_fits_a_terminal() -> None:
    """Eighty columns hold every line; the three doors and what is not on PATH are named."""
    address = Address("127.0.0.1", 65535)
    url = "postgresql://postgres@127.0.0.1:65535/demo"
    text = guide(address, Path("/var/riverkeeper-demo-12345678/riverkeeper.yml"), url, {"Prometheus": "http://x/"})
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for words in ("Look", "Beat", "Rescue", "not started: Alertmanager", "Prometheus    http://x/", url):
        assert words in text
    assert text.isascii()


def test_look_is_summarized_in_three_lines() -> None:
    """The verdict and the two gravest findings."""
    findings = tuple(
        Finding(f"name_{number}", ReportPart.NOW, f"title {number}", "", Certainty.PROVEN, "") for number in range(5)
    )
    report = LookReport("demo", "public", False, 0.0, findings, (), ())
    assert summarize_look(report) == ["5 problems now, 0 problems lately.", "title 0", "title 1"]
