"""/stuck: which jobs, why, what would be done, and what keeps it from being done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.stuck_jobs import ENDLESS, HEARTBEAT, LIVE, LOST, held, judged, reading
from fixtures.web import DOWN, NOW, UP, FakeService, app_of, ask
from riverkeeper.brakes.rules import Brake
from riverkeeper.evidence.pods import EndCause
from riverkeeper.evidence.proof import Terminated
from riverkeeper.formats import rfc3339
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.verdict.job import Beat
from riverkeeper.verdict.stack import JobStack
from riverkeeper.verdict.verdict import Limit, LimitName, Reason, StuckJob, Verdict

SCRIPT = "<script>alert(1)</script>\"'"


def text(service: FakeService, query: str = "") -> str:
    answer = ask(app_of(service), f"/stuck{query}")
    assert answer.status_code == 200
    return answer.text


def test_a_stuck_job_is_shown_in_full() -> None:
    """Who, since when, by which limit of which origin, and what would be done."""
    shown = text(FakeService(reading=reading(LOST)))

    for fact in ("41", "send", "mail", "standard", "worker_lost", "1 min 40 s", "47 s ago", "25%, 1 min ago", "page 3"):
        assert fact in shown
    assert "47 s, heartbeat limit 35 s: tier standard" in shown
    assert "retry it; the next attempt begins 10 s later at the earliest (its results are fenced)" in shown
    assert "waits: " not in shown


def test_json_holds_the_same() -> None:
    """Stable keys, numbers in seconds, and the labels of metrics as names."""
    answer = ask(app_of(FakeService(reading=reading(LOST, ENDLESS))), "/stuck.json").json()
    lost, endless = answer["jobs"]

    assert (answer["found"], answer["complete"], answer["path_ok"], answer["tier"]) == (2, True, True, None)
    assert (lost["id"], lost["reason"], lost["value_seconds"], lost["limit_seconds"]) == (41, "worker_lost", 47.0, 35.0)
    assert (lost["act"], lost["held_by"]) == ("retry", [])
    assert endless["act"] is None
    assert "for an operator" in endless["held_by"][0]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?queue=mail", [41]),
        ("?kind=report", [42]),
        ("?tier=standard&reason=worker_lost", [41]),
        ("?tier=urgent", []),
        ("?queue=mail&kind=report", []),
        ("?queue=&kind=&tier=&reason=", [41, 42]),
        ("?limit=1", [41]),
        ("?severity=page&job=7&alertname=RiverJobsStuck&queue=bulk", [42]),
    ],
)
def test_filters_are_an_alerts_labels(query: str, shown: list[int]) -> None:
    """An alert links to its jobs with the same names and values; labels that say nothing here are let pass."""
    answer = ask(app_of(FakeService(reading=reading(LOST, ENDLESS))), f"/stuck.json{query}").json()

    assert [job["id"] for job in answer["jobs"]] == shown


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?limit=x", "?queue=a%00b", "?job=x"])
def test_a_question_that_cannot_be_answered_is_refused(query: str) -> None:
    """400 with what is wrong, for people and scripts."""
    app = app_of(FakeService(reading=reading(LOST)))

    assert [ask(app, f"{path}{query}").status_code for path in ("/stuck", "/stuck.json")] == [400, 400]


def test_engaged_brakes_are_shown() -> None:
    """Dry runs, brakes with their sentence, policy; and that nothing is known where no rescuer is seen."""
    braked = text(FakeService(reading=reading(LOST, rescuing=held(Brake.KILL_SWITCH, "stopped by ann: deploy"))))
    urgent = replace(LOST, verdict=replace(LOST.verdict, tier="urgent"))
    dry = text(FakeService(reading=reading(urgent)))
    alone = text(FakeService(reading=reading(LOST, rescuing=None)))
    policy = text(FakeService(reading=reading(ENDLESS)))

    assert "1 brake engaged" in braked
    assert "<code>kill_switch</code>: stopped by ann: deploy" in braked
    assert "waits: brake kill_switch<" in braked
    assert "waits: a dry run" in dry
    assert "the state of the rescuer is not known here" in alone
    assert "reason: the tier holds jobs with this reason for an operator" in policy


def test_why_a_job_was_skipped_is_shown() -> None:
    """What the last pass met: a row that somebody holds, a cooldown, an error; on the page and for scripts."""
    service = FakeService(
        reading=reading(LOST), left={LOST.job.claim.job_id: "somebody has locked it: its row <in> the table"}
    )
    held = ask(app_of(service), "/stuck.json").json()["jobs"][0]["held_by"]

    assert "waits: skipped at the last pass: somebody has locked it: its row &lt;in&gt; the table" in text(service)
    assert held == ["skipped at the last pass: somebody has locked it: its row <in> the table"]


def test_a_hung_job_is_stopped_first() -> None:
    """Its worker is requested to stop; the page shows what comes after."""
    beat = Beat(beat_at=0, interval=10.0, progress_at=0)
    hung = replace(LOST, job=replace(LOST.job, beat=beat), verdict=replace(LOST.verdict, reason=Reason.HUNG))

    assert "request its worker to stop; retry if it still runs 60 s later" in text(FakeService(reading=reading(hung)))


STACK = JobStack(
    "internal/poll.runtime_pollWait\t/go/src/runtime/netpoll.go:351\n"
    "net/http.(*Transport).roundTrip\t/go/src/net/http/transport.go:640\n"
    "example.com/shop/billing.Charge\t/app/billing/billing.go:88",
    NOW - 12,
)


def hung(**beat: float) -> StuckJob:
    row = Beat(beat_at=NOW - 3, interval=10.0, progress_at=NOW - 840, stack_requested_at=NOW - 15)
    row = replace(row, **beat)  # type: ignore[arg-type]
    return replace(LOST, job=replace(LOST.job, beat=row), verdict=replace(LOST.verdict, reason=Reason.HUNG))


def test_a_stack_shows_where_the_job_hangs() -> None:
    """What it waits in and whose code called that, since when; the whole stack below, and in the JSON."""
    job = hung(stack_at=NOW - 12)
    service = FakeService(reading=reading(job, ENDLESS), sent_stacks={job.job.claim: STACK})
    shown = text(service)

    assert "<strong>net/http.(*Transport).roundTrip ← billing.Charge billing.go:88</strong>" in shown
    assert "seen there 12 s ago; no progress for 14 min" in shown
    assert STACK.text in shown
    assert service.stack_requests == [[job.job.claim]]
    first, second = ask(app_of(service), "/stuck.json").json()["jobs"]
    assert first["stack"] == {
        "at": rfc3339(NOW - 12), "where": "net/http.(*Transport).roundTrip ← billing.Charge billing.go:88",
        "text": STACK.text, "complete": True,
    }  # fmt: skip
    assert second["stack"] is None


def test_a_stack_is_read_only_where_one_was_sent() -> None:
    """A page of jobs without stacks costs no query more; why there is none is shown."""
    service = FakeService(reading=reading(hung(), LOST))
    shown = text(service)

    assert service.stack_requests == []
    assert shown.count('data-label="Stack"') == 1
    assert "requested 15 s ago; the next beat brings it" in shown


def test_a_stack_that_cannot_be_read_hides_no_job() -> None:
    """A login that may not read stacks, a table that is locked: the list is worth more."""
    refused = DatabaseError(ErrorKind.FORBIDDEN, "this login may not read stack")
    shown = text(FakeService(reading=reading(hung(stack_at=NOW - 12)), sent_stacks=refused))

    assert "this login may not read stack" in shown
    assert "41" in shown


def test_a_stack_is_inert() -> None:
    """It is a text of a worker's login."""
    job = hung(stack_at=NOW - 12)
    stack = JobStack(f"{SCRIPT}\t{SCRIPT}:1\n{SCRIPT}", NOW - 12, is_cut=True)
    shown = text(FakeService(reading=reading(job), sent_stacks={job.job.claim: stack}))

    assert "<script>" not in shown.replace('<script src="static/refresh.js', "")


def test_an_empty_list_is_no_all_clear_while_missed_heartbeats_do_not_count() -> None:
    """It then means less, and is marked, with the reason."""
    state = replace(LIVE, silence="none of 3 worker processes has beaten for 172 s")
    snapshot = replace(UP, verdicts=judged(path_ok_since=None), rescuing=state)
    shown = text(FakeService(reading=snapshot))

    assert "Missed heartbeats do not count now" in shown
    assert "none of 3 worker processes has beaten for 172 s" in shown
    assert "No running job is stuck." not in shown
    assert "No running job is stuck." in text(FakeService(reading=reading()))


SUSPECT = replace(
    LOST,
    verdict=Verdict(Reason.PATH_UNVERIFIED, "standard", HEARTBEAT, 172.0, missing="a verified heartbeat path"),
)  # fmt: skip


def suspecting(path_ok_since: float | None = None) -> FakeService:
    """One job is suspected, none is stuck."""
    found = judged(path_ok_since=path_ok_since)
    counts = {("mail", "send", "standard", "path_unverified"): 1}
    state = replace(LIVE, silence="none of 3 worker processes has beaten for 172 s")
    return FakeService(
        reading=replace(UP, verdicts=replace(found, suspected=(SUSPECT,), suspected_counts=counts), rescuing=state)
    )


def test_a_suspected_job_is_shown_with_what_is_missing() -> None:
    """Never as "no job is stuck": which job may be stuck, since when it is stale, and which evidence is missing."""
    shown = text(suspecting())
    document = ask(app_of(suspecting()), "/stuck.json").json()

    for fact in ("1 running job may be", "41", "path_unverified", "2 min 52 s, heartbeat limit 35 s",
                 "a verified heartbeat path: none of 3 worker processes has beaten for 172 s"):  # fmt: skip
        assert fact in shown
    assert "No running job is stuck" not in shown
    assert (document["found"], document["found_suspected"], document["path_ok"]) == (0, 1, False)
    assert document["suspected"][0]["missing"].startswith("a verified heartbeat path: none of 3")
    assert "act" not in document["suspected"][0]


def test_a_suspected_job_is_found_by_its_labels() -> None:
    """An alert on it links to it with the labels of the metric."""
    found = [ask(app_of(suspecting()), f"/stuck.json?{query}").json()["found_suspected"]
             for query in ("reason=path_unverified", "reason=worker_suspect", "queue=mail", "queue=other")]  # fmt: skip

    assert found == [1, 0, 1, 0]


def test_the_front_page_is_amber_while_a_job_is_stuck() -> None:
    """No green line stands above a stuck job."""
    shown = ask(app_of(FakeService(reading=reading(LOST, ENDLESS))), "/").text

    assert "2 running jobs are stuck" in shown
    assert "status good" not in shown


def test_the_front_page_is_amber_while_a_job_is_suspected() -> None:
    """Not green, and never "none"."""
    shown = ask(app_of(suspecting()), "/").text

    assert "1 running job may be stuck" in shown
    assert "1 path_unverified" in shown
    assert "none is proven" in shown
    assert "status good" not in shown
    assert '<dd><a href="stuck">none</a></dd>' not in shown


def test_the_front_page_is_amber_while_missed_heartbeats_do_not_count() -> None:
    """Also where no job is suspected yet: it would not be found."""
    state = replace(LIVE, silence="none of 3 worker processes has beaten for 172 s")
    shown = ask(app_of(FakeService(reading=replace(UP, verdicts=judged(path_ok_since=None), rescuing=state))), "/").text

    assert "Missed heartbeats do not count now" in shown
    assert "status good" not in shown


def test_more_jobs_than_the_limit_is_stated() -> None:
    """The reading keeps a bounded number by id."""
    assert "1 or more stuck" in text(FakeService(reading=reading(LOST, complete=False)))


def test_without_verdicts_a_fix_is_shown() -> None:
    """A database that is down, or a reading without verdicts: 503 with the reason."""
    down, unjudged = (ask(app_of(FakeService(reading=reading)), "/stuck") for reading in (DOWN, UP))
    json = ask(app_of(FakeService(reading=DOWN)), "/stuck.json")

    assert (down.status_code, unjudged.status_code, json.status_code) == (503, 503, 503)
    assert "connection refused" in down.text
    assert set(json.json()) == {"error", "fix"}


@pytest.mark.parametrize("part", ["kind", "queue"])
def test_a_jobs_text_is_inert(part: str) -> None:
    """Kinds, queues and notes are written by users: on the page they are text, never markup."""
    assert LOST.job.beat is not None
    job = replace(LOST.job, beat=replace(LOST.job.beat, note=SCRIPT), **{part: SCRIPT})  # type: ignore[arg-type]
    verdict = replace(LOST.verdict, tier=SCRIPT)
    shown = text(FakeService(reading=reading(replace(LOST, job=job, verdict=verdict))))

    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3


@pytest.mark.parametrize("path", ["/stuck", "/rescues"])
@pytest.mark.parametrize("name", ["queue", "kind", "tier", "reason"])
def test_the_address_is_inert(path: str, name: str) -> None:
    """What stands in the address comes back as text, also inside an attribute and an option."""
    shown = ask(app_of(FakeService(reading=reading())), f'{path}?{name}="><script>alert(1)</script>').text

    assert "<script>" not in shown
    assert "&#34;&gt;&lt;script&gt;" in shown


@pytest.mark.parametrize(("rescues", "words"), [(1, "rescued 1 time in a day"), (3, "rescued 3 times in a day")])
def test_how_often_a_job_was_rescued(rescues: int, words: str) -> None:
    """In words that are right for one."""
    assert words in text(FakeService(reading=reading(replace(LOST, job=replace(LOST.job, rescues=rescues)))))


def test_a_job_in_a_loop_is_shown_with_what_killed_its_worker() -> None:
    """The proof, and not the age against a limit that proof does not have."""
    end = Terminated("u", "jobs/web-1", "worker", EndCause.OOM_KILLED, 137, 9, NOW - 900, NOW - 4, "c")
    job = replace(LOST.job, terminated=end, rescues=3)
    process = Limit(LimitName.PROCESS, 0.0, end.sentence)
    loop = StuckJob(job, Verdict(Reason.RESCUE_LOOP, "standard", process, 4.0, underlying=Reason.WORKER_DEAD))
    shown = text(FakeService(reading=reading(loop)))

    assert "container worker of pod jobs/web-1 was killed because it used more memory than its limit" in shown
    assert "process limit" not in shown
    assert "rescued 3 times in a day" in shown


def test_ids_lead_to_the_page_of_the_job() -> None:
    """Which has all that is known of it."""
    assert '<a href="jobs/41">41</a>' in text(FakeService(reading=reading(LOST)))


def test_the_front_page_shows_the_rescuer_s_status() -> None:
    """Stuck jobs by reason, mode by tier, brakes with their sentence, wakes."""
    state = replace(held(Brake.RATE, "120 jobs were rescued in the last minute"), wakes_open=3, last_rescue_at=1e9)
    shown = ask(app_of(FakeService(reading=reading(LOST, ENDLESS, rescuing=state))), "/").text

    for fact in ("1 over_budget, 1 worker_lost", "Rescues stuck jobs of", "tiers standard (mode live)",
                 "Only records what it would do for", "tiers urgent (mode dry_run)",
                 "Brake rate", "120 jobs were rescued in the last minute", "<dd>3</dd>", "2001-09-09"):  # fmt: skip
        assert fact in shown
    assert "Unknown: running jobs were not judged in the last scrape." in ask(app_of(FakeService()), "/").text
