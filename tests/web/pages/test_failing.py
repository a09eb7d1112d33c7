"""/failing and /failing.json: questions, answers, and what other people's text may not do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from fixtures.web import NOW, FakeService, app_of, ask, failing_job
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.failing import FailingJob, FailingJobs
from riverkeeper.web.pages.failing import FailingPage, make_row, next_failure_discards
from riverkeeper.web.pages.templates import Templates

SCRIPT = "<script>alert(1)</script>"


def found(*jobs: FailingJob, of: int | None = None, bounded: bool = False) -> FailingJobs:
    return FailingJobs(jobs, len(jobs) if of is None else of, bounded, NOW)


def test_the_filters_reach_the_query() -> None:
    """queue, kind and limit are used as given; an empty field of the form means any, other labels mean nothing."""
    service = FakeService()

    ask(app_of(service), "/failing?queue=bulk&kind=send+email&limit=500&severity=critical")
    ask(app_of(service), "/failing?queue=&kind=&limit=")

    assert service.questions == [("bulk", "send email", 500), (None, None, 50)]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "ten", "1e3", "²", "9" * 5000])
@pytest.mark.parametrize("path", ["/failing", "/failing.json"])
def test_a_wrong_limit_is_refused(path: str, limit: str) -> None:
    """A limit that cannot be kept is a 400 that names the possible ones; it is never quietly another one."""
    service = FakeService()

    answer = ask(app_of(service), f"{path}?limit={limit}")

    assert answer.status_code == 400
    assert "limit must be a whole number from 1 to 500" in answer.text
    assert not service.questions


def test_a_name_postgres_cannot_hold_is_refused() -> None:
    """NUL cannot be in a Postgres text: the question is wrong, not the database."""
    assert ask(app_of(FakeService()), "/failing.json?queue=a%00b").status_code == 400


def test_json_has_stable_keys_and_utc_times() -> None:
    """Scripts get every fact, times as RFC 3339 in UTC, null for what is not known."""
    job = failing_job(7, attempted_at=None, last_error=None)
    service = FakeService(found=found(job, of=9, bounded=True))

    answer = ask(app_of(service), "/failing.json?queue=default&limit=1")

    assert answer.json() == {
        "queue": "default",
        "kind": None,
        "limit": 1,
        "now": "2023-11-14T22:13:20.000Z",
        "found": 9,
        "bounded": True,
        "jobs": [
            {
                "id": 7,
                "queue": "default",
                "kind": "send_email",
                "state": "retryable",
                "attempt": 2,
                "max_attempts": 4,
                "attempts_left": 2,
                "next_failure_discards": False,
                "scheduled_at": "2023-11-14T22:14:50.000Z",
                "attempted_at": None,
                "last_error": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("state", "attempt", "discards"),
    [("retryable", 2, False), ("retryable", 3, True), ("running", 3, False), ("running", 4, True)],
)
def test_the_last_attempt_is_marked(state: str, attempt: int, discards: bool) -> None:
    """Of four attempts the fourth is the last: running now, or still to come."""
    assert discards == next_failure_discards(failing_job(state=state, attempt=attempt))


@pytest.mark.parametrize(
    ("state", "scheduled_at", "words"),
    [
        ("retryable", NOW + 90, "in 1 min 30 s"),
        ("available", NOW - 5, "due for 5.0 s"),
        ("running", NOW - 31, "running for 30 s"),
        ("pending", NOW, "when it is released"),
    ],
)
def test_the_next_attempt_is_shown_by_the_database_s_clock(state: str, scheduled_at: float, words: str) -> None:
    """When a job is tried next, counted from the database's now."""
    assert words == make_row(failing_job(state=state, scheduled_at=scheduled_at), NOW).next_try


def test_the_table_shows_the_job() -> None:
    """Id, kind, queue, state, attempts, next try and error of each job, and how many there are."""
    service = FakeService(found=found(failing_job(4711, attempt=3), of=12, bounded=True))

    text = ask(app_of(service), "/failing?queue=default").text

    for expected in ("4711", "send_email", "retryable", "3 of 4", "last attempt", "in 1 min 30 s"):
        assert expected in text
    assert "1 of 12 found in queue “default”" in text
    assert "There may be more:" in text


def test_a_long_error_unfolds() -> None:
    """The table stays readable, and nothing of the error is lost."""
    error = "".join(chr(ord("a") + n % 26) for n in range(500))

    shown = make_row(failing_job(last_error=error), NOW)

    assert len(shown.error) < 200
    assert error == shown.error + shown.error_rest


@pytest.mark.parametrize("part", ["kind", "queue", "last_error"])
def test_a_jobs_text_is_inert(part: str) -> None:
    """Kinds, queues and errors are written by users: on the page they are text, never markup."""
    job = replace(failing_job(), **{part: SCRIPT})  # type: ignore[arg-type]
    service = FakeService(found=found(job))

    text = ask(app_of(service), "/failing").text

    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_address_is_inert() -> None:
    """What stands in the address comes back as text, also inside an attribute."""
    text = ask(app_of(FakeService()), '/failing?kind="><script>alert(1)</script>').text

    assert "<script>" not in text
    assert "&#34;&gt;&lt;script&gt;" in text


def test_an_empty_page_gives_the_reason() -> None:
    """An empty list names what was searched for and how names are compared."""
    everything = ask(app_of(FakeService()), "/failing").text
    filtered = ask(app_of(FakeService(found=found(bounded=True))), "/failing?kind=Nope&queue=bulk").text

    assert "No live job has failed." in everything
    assert "No live job of kind “Nope” in queue “bulk” has failed." in filtered
    assert "only a part of the waiting jobs was searched" in filtered


def test_a_database_that_is_down_is_shown_with_a_fix() -> None:
    """503 with the reason and what to do, for people and for scripts."""
    service = FakeService(found=DatabaseError(ErrorKind.UNREACHABLE, "connection refused <b>"))

    html, json = (ask(app_of(service), path) for path in ("/failing", "/failing.json"))

    assert (html.status_code, json.status_code) == (503, 503)
    assert "connection refused &lt;b&gt;" in html.text
    assert "check host, port and firewall" in html.text
    assert set(json.json()) == {"error", "fix"}


def test_a_database_that_hangs_is_not_waited_for() -> None:
    """The page gives up and reports it."""
    service = FakeService(hangs=True)
    app = Starlette(routes=[Route("/failing", FailingPage(service, Templates("1", "docs"), seconds=0.01).page)])

    answer = ask(app, "/failing")

    assert answer.status_code == 503
    assert "no answer within" in answer.text


def test_ids_lead_to_the_page_of_the_job() -> None:
    """As on the pages of stuck jobs and of rescues."""
    assert '<a href="jobs/7">7</a>' in ask(app_of(FakeService(found=found(failing_job(7)))), "/failing").text
