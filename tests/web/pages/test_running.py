"""/running and /running.json: filters, verdicts, expected ends, limits, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.running_jobs import FRESH, JOB
from fixtures.simulated_river import find_bucket
from fixtures.stuck_jobs import ENDLESS, LOST, judged, reading
from fixtures.web import DOWN, NOW, UP, FakeService, app_of, ask
from fixtures.workers import JAVA
from riverkeeper.ledger.learned_limits import RunCounts
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.bounds import MANY_RUNNING
from riverkeeper.river.known_names import KnownNames
from riverkeeper.river.longest import JobCheckpoint, LongestJobs, RunningFilter
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.verdict import Limit, LimitInForce, LimitName, Reason, StuckJob, Verdict

SCRIPT = "<script>alert(1)</script>"
HALF = replace(JOB, beat=replace(FRESH, progress=0.5, progress_at=NOW - 60, note="page 3"))
JUDGED = replace(UP, verdicts=judged())
RUN = LimitInForce("email", "standard", Limit(LimitName.RUN, 1200.0, "3 times p99 of 812 runs"))
LIMITED = replace(JUDGED, verdicts=replace(judged(), limits=(RUN,)))
SUSPECT = StuckJob(LOST.job, Verdict(Reason.PATH_UNVERIFIED, "standard", missing="a verified path"))


def found(*jobs: RunningJob, of: int | None = None, **facts: object) -> LongestJobs:
    whole = LongestJobs(jobs, len(jobs) if of is None else of, bounded=False, now=NOW)
    return replace(whole, **facts)  # type: ignore[arg-type]


def shown(longest: LongestJobs, snapshot: Snapshot = JUDGED, query: str = "") -> str:
    answer = ask(app_of(FakeService(longest=longest, reading=snapshot)), f"/running{query}")
    assert answer.status_code == 200
    return answer.text


def row_of(job: RunningJob, snapshot: Snapshot = JUDGED) -> dict[str, object]:
    answer = ask(app_of(FakeService(longest=found(job), reading=snapshot)), "/running.json").json()
    return dict(answer["jobs"][0])


def test_the_filters_reach_the_query() -> None:
    """As they are given; an empty field means any, and an alert's other labels mean nothing here."""
    service = FakeService()
    ask(app_of(service), "/running?queue=mail&kind=send&worker=web-1&tier=standard&limit=7")
    ask(app_of(service), "/running?queue=&kind=&worker=&limit=&tier=&reason=hung")

    assert service.running_requests == [
        (RunningFilter("mail", "send", "web-1", "standard"), 7, False),
        (RunningFilter(), 50, False),
    ]


def test_many_running_jobs_are_read_by_pages() -> None:
    """The scrape knows how many there are before they are read."""
    assert UP.running
    pair = replace(UP.running.pairs[0], jobs=MANY_RUNNING + 1)
    service = FakeService(reading=replace(UP, running=replace(UP.running, pairs=(pair,))))
    ask(app_of(service), "/running")

    assert service.running_requests[0][2]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?worker=a%00b"])
def test_a_query_that_cannot_be_answered_is_refused(query: str) -> None:
    """400, for people and for scripts."""
    app = app_of(FakeService())

    assert [ask(app, f"{path}{query}").status_code for path in ("/running", "/running.json")] == [400, 400]


@pytest.mark.parametrize("name", ["queue", "kind", "worker"])
def test_a_name_that_does_not_exist_is_refused(name: str) -> None:
    """404 with the nearest name: an empty list must not come from a misspelt filter."""
    names = KnownNames(frozenset({"mail", "bulk"}), frozenset({"mail", "send"}))
    app = app_of(FakeService(names=names, clients=frozenset({"mail", "web-1"})))
    answer = ask(app, f"/running.json?{name}=mial")

    assert answer.status_code == 404
    assert 'did you mean "mail"?' in answer.json()["error"]
    assert "cannot be shown" in ask(app, f"/running?{name}=mial").text


def test_a_tier_that_does_not_exist_is_refused() -> None:
    """400 with those that do; the form offers them."""
    app = app_of(FakeService())
    answer = ask(app, "/running.json?tier=standrad")

    assert answer.status_code == 400
    assert 'there is no tier "standrad" in this configuration; did you mean "standard"?' in answer.json()["error"]
    assert '<option value="standard" selected>' in ask(app, "/running?tier=standard").text
    assert "No job is running with tier “standard”." in ask(app, "/running?tier=standard").text


def test_a_worker_without_jobs_is_no_mistake() -> None:
    """It beats, and nothing of it runs."""
    answer = ask(app_of(FakeService(clients=frozenset({"web-1"}))), "/running?worker=web-1")

    assert answer.status_code == 200
    assert "No job is running with worker “web-1”." in answer.text


@pytest.mark.parametrize(("progress", "percent"), [(0.29, 29), (0.999, 99), (1.0, 100), (0.0, 0)])
def test_a_share_is_shown_in_whole_percents_that_were_reached(progress: float, percent: int) -> None:
    """29 % is no 28 %, though 100 times 0.29 is a little less than 29; and 100 % is shown only at the end."""
    job = replace(HALF, beat=replace(HALF.beat, progress=progress)) if HALF.beat else HALF
    shown = ask(app_of(FakeService(longest=found(job), reading=JUDGED)), "/running").text

    assert f'<progress value="{percent}" max="100"' in shown


def test_json_has_stable_keys() -> None:
    """Scripts get every fact; times as RFC 3339 in UTC, null for what is not known."""
    assert row_of(HALF, LIMITED) == {
        "id": 7,
        "attempt": 1,
        "max_attempts": 25,
        "queue": "default",
        "kind": "email",
        "priority": 1,
        "tier": "standard",
        "client_id": "web-1_2023_11_14T20_00_00_000000",
        "host": "web-1",
        "claimed_at": "2023-11-14T22:03:20.000Z",
        "age_seconds": 600.0,
        "age_is_at_least": False,
        "last_beat_at": "2023-11-14T22:13:19.000Z",
        "progress": 0.5,
        "progress_at": "2023-11-14T22:12:20.000Z",
        "note": "page 3",
        "checkpoint_at": None,
        "resumed": None,
        "expected_end": {
            "basis": "progress",
            "at": "2023-11-14T22:21:20.000Z",
            "earliest": "2023-11-14T22:21:09.306Z",
            "latest": "2023-11-14T22:22:30.909Z",
            "why": "at the speed it had so far",
        },
        "limit_seconds": 1200.0,
        "limit_origin": "3 times p99 of 812 runs",
        "limit_used": 0.5,
        "verdict": "ok",
        "reason": None,
        "why": None,
        "rescues_in_a_day": 0,
    }
    whole = ask(
        app_of(FakeService(longest=found(of=9, bounded=True, notes=False), reading=JUDGED)), "/running.json"
    ).json()
    assert whole == {
        "queue": None,
        "kind": None,
        "tier": None,
        "worker": None,
        "limit": 50,
        "now": "2023-11-14T22:13:20.000Z",
        "found": 9,
        "bounded": True,
        "heartbeats": True,
        "notes": False,
        "stuck": 0,
        "suspected": 0,
        "jobs": [],
    }


@pytest.mark.parametrize(
    ("job", "snapshot", "word", "reason"),
    [
        (HALF, JUDGED, "ok", None),
        (LOST.job, reading(LOST), "stuck", "worker_lost"),
        (LOST.job, replace(UP, verdicts=replace(judged(), suspected=(SUSPECT,))), "suspected", "path_unverified"),
        (JOB, JUDGED, "unknown", None),  # it never beat
        (HALF, UP, "unknown", None),  # not judged
        (HALF, reading(LOST, complete=False), "unknown", None),
        (replace(HALF, beat=replace(FRESH, lost_at=NOW - 3)), JUDGED, "unknown", None),
    ],
)
def test_the_verdict_is_that_of_the_scrape(job: RunningJob, snapshot: Snapshot, word: str, reason: str | None) -> None:
    """One verdict for metrics, /stuck and this page. A job of which nothing is known is never ok."""
    listed = row_of(job, snapshot)

    assert (listed["verdict"], listed["reason"]) == (word, reason)
    assert bool(listed["why"]) == (word in {"unknown", "suspected"})


def test_a_stuck_job_is_not_expected_to_end() -> None:
    """Its progress would give a moment, and nothing works on it any more. One over its budget goes on."""
    endless = replace(ENDLESS, job=replace(ENDLESS.job, beat=HALF.beat))
    snapshot = reading(LOST, endless)

    assert row_of(LOST.job, snapshot)["expected_end"] == {
        "basis": "none", "at": None, "earliest": None, "latest": None, "why": "it is stuck: worker_lost"
    }  # fmt: skip
    assert row_of(endless.job, snapshot)["expected_end"]["basis"] == "progress"  # type: ignore[index]


def test_the_history_of_its_kind_gives_the_expected_end() -> None:
    """What the ledger has learned reaches the page, with its range."""
    past = {"email": RunCounts({find_bucket(3_600_000_000): 20})}
    text = shown(found(JOB), replace(JUDGED, past_runs=past))

    assert "in about 46 min" in text
    assert "as 20 completed runs of its kind that took longer than it has run" in text


def test_every_time_is_an_age_and_a_moment() -> None:
    """Both are words on the page, because a phone shows no title."""
    text = shown(found(HALF))

    assert all(each in text for each in ("10 min", "since 22:03:20 UTC", "1.0 s ago", "22:13:19 UTC", "22:12:20 UTC"))
    assert '<progress value="50" max="100" aria-label="Progress of job 7">' in text


def test_what_is_unknown_is_written() -> None:
    """Never a dash, never 0: no moment, no worker, no beat, no progress, no limit."""
    text = shown(found(replace(JOB, claimed_at=float("nan"), client_id=None), beats=False))

    assert text.count(">unknown") >= 3
    assert "never" in text
    assert "not reported" in text
    assert "There are no heartbeats" in text
    assert "may not read them" in shown(found(HALF, notes=False))


def test_an_age_by_a_workers_clock_is_a_bound() -> None:
    """A claim of Java that never beat: its age is at least what is shown."""
    job = replace(JOB, client_id=JAVA, claimed_before=NOW - 300)

    assert "at least 5 min" in shown(found(job))
    assert row_of(job)["age_is_at_least"] is True


def test_what_is_not_shown_is_counted() -> None:
    """And one step away, until the most that a page shows."""
    assert '1\u202f183 more: <a href="running?kind=email&amp;limit=100">show 100</a>' in shown(
        found(HALF, of=1184), query="?kind=email"
    )
    assert "are not shown: filter by" in shown(found(HALF, of=1184), query="?limit=500")


def test_stuck_jobs_are_announced_whatever_is_listed() -> None:
    """The longest are not the stuck ones: the page begins with those, and links to them."""
    assert "2 running jobs are stuck" in shown(found(HALF), reading(LOST, ENDLESS))
    suspecting = replace(judged(), suspected=(SUSPECT,), suspected_counts={("mail", "send", "standard", "x"): 1})
    assert "1 running job may be stuck" in shown(found(HALF), replace(UP, verdicts=suspecting))
    assert "Running jobs were not judged" in shown(found(HALF), DOWN)


def test_other_peoples_text_stays_text() -> None:
    """Kinds, queues, clients and notes are written by users."""
    job = replace(HALF, kind=SCRIPT, queue=SCRIPT, client_id=SCRIPT, beat=replace(FRESH, note=SCRIPT))
    text = shown(found(job))

    assert SCRIPT not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_a_database_that_cannot_be_read_is_explained() -> None:
    """503 with the reason and the fix; also where only the names of workers cannot be read."""
    broken = DatabaseError(ErrorKind.UNREACHABLE, "connection refused")
    answer = ask(app_of(FakeService(longest=broken)), "/running.json")

    assert answer.status_code == 503
    assert answer.json()["error"] == "connection refused"


def test_ids_lead_to_the_page_of_the_job() -> None:
    """As on every list."""
    service = FakeService(longest=found(HALF), reading=JUDGED)

    assert '<a href="jobs/7">7</a>' in ask(app_of(service), "/running").text


def test_a_checkpoint_has_its_age_and_its_moment() -> None:
    """A job that resumed did not begin at 0, so its speed gives no end."""
    saved = found(HALF, checkpoints={7: JobCheckpoint(NOW - 180, resumed=False)})
    resumed = found(HALF, checkpoints={7: JobCheckpoint(NOW - 180, resumed=True)})
    text = shown(saved)

    assert "checkpoint 3 min ago" in text
    assert "22:10:20 UTC" in text
    assert "in about 8 min" in text
    assert "it resumed from a checkpoint, so its progress did not begin at 0" in shown(resumed)
    answer = ask(app_of(FakeService(longest=resumed, reading=JUDGED)), "/running.json").json()["jobs"][0]
    assert (answer["checkpoint_at"], answer["resumed"]) == ("2023-11-14T22:10:20.000Z", True)
