"""The front page: what it shows when things go well, when they do not, and before anything was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import web as web_fixture
from fixtures.web import DOWN, NOW, UP, FakeService, app_of, ask
from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Mode
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.river.facts import Leader
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.verdict.job import Partition
from riverkeeper.verdict.verdict import VerdictSummary
from riverkeeper.web.pages.front import QueueRow, describe_target, queue_rows
from riverkeeper.web.web_config.security import Security

SCRIPT = "<script>alert(1)</script>"


def page(reading: Snapshot, security: Security | None = None) -> str:
    answer = ask(app_of(FakeService(reading=reading), security), "/")
    assert answer.status_code == 200
    return answer.text


def test_it_names_itself_and_what_it_watches() -> None:
    """A reader who finds this address learns which service, version, database, schema and River it is."""
    text = page(UP)

    for expected in (
        "Riverkeeper 1.2.3",
        "orders, the primary, PostgreSQL 15.18",
        "river",
        "main 6",
        "Last scrape 2.0 s ago",
    ):
        assert expected in text
    for link in ('href="metrics"', 'href="failing"'):
        assert link in text


def test_waits_three_seconds_for_the_database() -> None:
    """A reader waits no longer than this for a page."""
    service = FakeService()

    ask(app_of(service), "/")

    assert service.deadlines == [3.0]


def test_a_database_that_is_down_is_explained() -> None:
    """The page comes with 200, the reason and the fix, and claims nothing about River."""
    text = page(DOWN)

    assert "The database cannot be read" in text
    assert "connection refused (unreachable: check host, port and firewall)" in text
    assert "Unknown while the database cannot be read." in text
    assert "Not read: the database cannot be read." in text


@pytest.mark.parametrize(
    ("stuck", "suspected", "headline"),
    [
        (1, 0, "1 running job is stuck"),
        (20, 0, "20 running jobs are stuck"),
        (0, 1, "1 running job may be stuck"),
        (2, 3, "2 running jobs are stuck, 3 may be stuck"),
    ],
)
def test_the_first_thing_to_read_is_what_needs_somebody(stuck: int, suspected: int, headline: str) -> None:
    """A stuck job is never a plain line below a green box that reads as an all-clear."""
    text = page(with_jobs(stuck, suspected))

    assert headline in text
    assert 'class="status good"' not in text
    assert text.index(headline) < text.index("Database and River")


def test_paused_rescues_are_named_with_the_stuck_jobs_and_without() -> None:
    """Somebody who reads that a job is stuck expects a rescue. In a dry run there is none to pause."""
    live = RescueStatus({"standard": Mode.LIVE}, {Brake.KILL_SWITCH: "paused by ada"})
    dry = replace(live, modes={"standard": Mode.DRY_RUN})

    assert "All rescues are paused: kill_switch, paused by ada." in page(replace(with_jobs(1, 0), rescuing=live))
    assert "<h2>All rescues are paused</h2>" in page(replace(with_jobs(0, 0), rescuing=live))
    assert "rescue resume" in page(replace(with_jobs(0, 0), rescuing=live))
    assert 'class="status good"' in page(replace(with_jobs(0, 0), rescuing=dry))


def test_the_three_answers_come_before_everything_else() -> None:
    """Is anything stuck, who acts, what needs me: a reader who was woken up scrolls for none of them."""
    text = page(with_jobs(1, 0))
    places = [
        text.index(part)
        for part in ("<h1>", "Is anything stuck?", "Who acts?", "What needs you?", "Live jobs by queue")
    ]

    assert places == sorted(places)


def with_jobs(stuck: int, suspected: int) -> Snapshot:
    """A scrape that found so many jobs; the heartbeat path is verified."""
    key = ("default", "mail", "standard")
    counts = {(*key, "worker_lost"): stuck}
    judged = VerdictSummary(
        (), counts, (), (), frozenset(), NOW, suspected_counts={(*key, "worker_suspect"): suspected}
    )
    return replace(UP, verdicts=judged)


def test_a_failed_query_is_named_first_with_its_fix() -> None:
    """One failed question is neither "all well" nor "down", and is not hidden below those that went well."""
    failed = QueryOutcome("read_running", 0.25, "permission denied (forbidden: run `riverkeeper schema grants`)")
    text = page(replace(UP, queries=(QueryOutcome("read_identity", 9.0), failed), running=None))

    assert "1 of 2 database queries failed" in text
    assert text.index("riverkeeper schema grants") < text.index("read_identity")


def test_what_was_not_read_is_not_zero() -> None:
    """A count that could not be read is shown as unknown; 0 would be an invention."""
    rows = queue_rows(replace(UP, running=None))

    assert QueueRow("default", False, (1200, None, 0, 30, 0), frozenset(), 95.0) == rows[0]
    assert "not read" in page(replace(UP, running=None))


def test_queues_with_most_jobs_come_first() -> None:
    """Live jobs by state, estimates and paused queues marked, the wait of the longest waiting due job."""
    assert [
        QueueRow("default", False, (1200, 7, 0, 30, 0), frozenset(), 95.0),
        QueueRow("bulk", True, (0, 0, 4, 0, 0), frozenset({"retryable"}), None),
    ] == queue_rows(UP)


def test_running_jobs_are_counted_once() -> None:
    """Running jobs come from the pass over running rows, whether or not they are counted as a partition too."""
    twice = replace(UP, partitions=(Partition("running", "default", 1, due=7, later=0, first_at=NOW),))

    assert queue_rows(twice)[0].counts == (0, 7, 0, 0, 0)


def test_many_queues_are_bounded() -> None:
    """A page with thousands of queues is read by nobody and costs everybody."""
    many = tuple(Partition("available", f"queue{n}", 1, due=n, later=0, first_at=NOW) for n in range(100))

    text = page(replace(UP, partitions=many, running=None, queues=()))

    assert "70 smaller queues are not shown" in text
    assert "queue99" in text
    assert "queue69" not in text


def test_a_river_without_queues_is_shown_as_such() -> None:
    """An empty table gives the reason."""
    assert UP.running is not None
    nothing = replace(UP, partitions=(), running=replace(UP.running, pairs=()), queues=())

    assert "No queue has a live job" in page(nothing)


def test_an_expired_leader_leads_nobody() -> None:
    """A leader's row outlives its term; then nobody moves scheduled jobs."""
    past = replace(UP, leader=Leader("worker-1", NOW - 100, NOW - 40))

    assert ("River's leader", "none: the leadership of worker-1 ended 40 s ago") in describe_target(past)


def test_a_standby_and_a_slow_clock_are_shown() -> None:
    """Both change how the numbers are to be read."""
    assert UP.target is not None
    facts = dict(describe_target(replace(UP, target=replace(UP.target, standby=True), clock_skew=-61.0)))

    assert facts["Database"] == "orders, a standby (read-only), PostgreSQL 15.18"
    assert facts["Clock of this host"] == "1 min 1 s behind the database's"
    assert dict(describe_target(replace(UP, clock_skew=-0.0004)))["Clock of this host"] == "equal to the database's"


@pytest.mark.parametrize(
    "reading",
    [
        replace(DOWN, error=SCRIPT),
        replace(UP, notices=(SCRIPT,)),
        replace(UP, queries=(QueryOutcome("read", 0.1, SCRIPT),)),
        replace(UP, partitions=(Partition("available", SCRIPT, 1, due=1, later=0, first_at=NOW),)),
        replace(UP, leader=Leader(SCRIPT, NOW, NOW + 1)),
    ],
    ids=["error", "note", "query", "queue", "leader"],
)
def test_text_from_elsewhere_is_inert(reading: Snapshot) -> None:
    """Names and errors are written by others: on the page they are text, never markup."""
    text = page(reading)

    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_broken_web_configuration_is_noted(tmp_path: Path) -> None:
    """The old file stays in force; the page shows that the new one is not."""
    file = tmp_path / "web.yml"
    file.write_text("")
    security = Security(file)
    web_fixture.replace_file(file, "nonsense: 1")

    assert "line 1: nonsense: unknown key" in page(UP, security)
