"""/jobs/ID and /jobs/ID.json: one job in words, its line, what comes next, and what other people's text may not do."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from fixtures.offenders import for_each
from fixtures.stuck_jobs import HEARTBEAT, LIVE, RESCUE, judged
from fixtures.web import NOW, UP, FakeService, app_of, ask
from riverkeeper.brakes.rules import Brake
from riverkeeper.evidence.pods import EndCause
from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.facts import Queue
from riverkeeper.river.failures import Failure
from riverkeeper.scrape.job_facts import (
    ClaimBeats,
    JobError,
    JobFacts,
    JobRow,
    LateResult,
    NewestCheckpoint,
    ResumedClaim,
)
from riverkeeper.scrape.job_life import EventKind, LifeEvent
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Beat, Instance, JobClaim, RunningJob
from riverkeeper.verdict.stack import JobStack
from riverkeeper.verdict.suspects import WorkerInstances
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict
from riverkeeper.web.pages.job_line import draw
from riverkeeper.web.pages.job_words import REASON_WORDS

SCRIPT = "<script>alert(1)</script>"
AT = "2023-11-14T22:11:40.000000Z"
BEAT = Beat(beat_at=NOW - 5, interval=10.0, progress_at=NOW - 60, progress=0.25, first_at=NOW - 99)
ROW = JobRow(41, "running", "mail", "send", 1, 2, 25, "web-1", AT, NOW - 100, NOW - 200, None, (), 0)
RUNNING = RunningJob(JobClaim(41, 2, AT), "mail", "send", 1, 25, NOW - 100, "web-1", BEAT)
FACTS = JobFacts(41, NOW, ROW, (ClaimBeats(2, AT, NOW - 100, BEAT, "a"),), WorkerInstances(), (), (), RUNNING)
SCRAPE = replace(UP, verdicts=judged(), rescuing=LIVE)


def beating(beat: Beat | None, **facts: object) -> JobFacts:
    """The running job with another heartbeat."""
    beats = (ClaimBeats(2, AT, NOW - 100, beat, "a"),) if beat else ()
    return replace(FACTS, beats=beats, running=replace(RUNNING, beat=beat, **facts))  # type: ignore[arg-type]


def waiting(state: str, **facts: object) -> JobFacts:
    return replace(FACTS, row=replace(ROW, state=state, **facts), running=None, beats=())  # type: ignore[arg-type]


LOST = beating(replace(BEAT, beat_at=NOW - 47))
ORPHANED = beating(None, instances=(Instance(NOW - 1, 10.0, NOW - 900, beats_for_kind=True),))
GONE = replace(FACTS, row=None, running=None, beats=())


def ask_json(facts: JobFacts, scrape: Snapshot = SCRAPE) -> dict[str, object]:
    return dict(ask(app_of(FakeService(reading=scrape, about_job=facts)), "/jobs/41.json").json())


def page(facts: JobFacts, scrape: Snapshot = SCRAPE) -> str:
    return ask(app_of(FakeService(reading=scrape, about_job=facts)), "/jobs/41").text


@pytest.mark.parametrize("name", ["0", "-1", "x", "1e3", "²", "9" * 30, "9223372036854775808"])
def test_a_bad_id_is_refused(name: str) -> None:
    """400 with what an id is; no query is run."""
    service = FakeService()
    app = app_of(service)

    assert [ask(app, f"/jobs/{name}{ending}").status_code for ending in ("", ".json")] == [400, 400]
    assert not service.job_requests


def test_a_job_that_is_not_there_is_404_with_what_is_known() -> None:
    """It never was, or was deleted; the rows of our own tables show which."""
    known = replace(GONE, rescues=(RESCUE,), late=(LateResult(NOW - 3, NOW - 100, "completed"),))
    service = FakeService(reading=SCRAPE, about_job=known)
    answer = ask(app_of(service), "/jobs/41")

    assert answer.status_code == 404
    for fact in ("It was there", "because worker_lost", "a late result (completed) came and was dropped"):
        assert fact in answer.text
    assert "It never was, or River has deleted it" in page(GONE)
    assert ask_json(known)["job"] is None
    assert service.job_requests == [41]


RETRY = "retry it; the next attempt begins 60 s later at the earliest (its results are not fenced)."
AT_ONCE = f"At the next pass of the rescuer, within seconds: {RETRY}"
NO_HEARTBEAT = "stuck: its worker is lost: no heartbeat came"
NO_ATTEMPT_LEFT = "the job has no attempts left, and the tier holds it for an operator (on_exhausted)."
LAST = replace(LOST, running=replace(RUNNING, beat=replace(BEAT, beat_at=NOW - 47), max_attempts=2))
BRAKED = replace(SCRAPE, rescuing=replace(LIVE, brakes={Brake.MASS_SILENCE: "6 of 11 at once"}))
UNVERIFIED = replace(SCRAPE, verdicts=judged(path_ok_since=None))
PAUSED = replace(SCRAPE, queues=(Queue("mail", paused=True, updated_at=NOW),))
DUE = waiting("available", scheduled_at=NOW - 90)
NEXT: list[tuple[str, JobFacts, Snapshot, str, list[str]]] = [
    (
        "healthy", FACTS, SCRAPE, "running, healthy",
        [
            "Nothing: it is healthy.",
            "At 2023-11-14 22:13:50 UTC (in 30 s) it is called worker_lost, if no heartbeat comes until then.",
        ],
    ),
    ("lost", LOST, SCRAPE, NO_HEARTBEAT, [AT_ONCE]),
    (
        "braked", LOST, BRAKED, NO_HEARTBEAT,
        [f"The rescuer would {RETRY}", "It is held: brake mass_silence: 6 of 11 at once."],
    ),
    (
        "path not verified", LOST, UNVERIFIED,
        "may be stuck: no heartbeat came, and it is not verified that heartbeats can come",
        ["Riverkeeper does nothing until the missing evidence has come.", "No limit is known that it could pass."],
    ),
    (
        "never beat", beating(None), SCRAPE, "running: nothing is known of its worker",
        ["Riverkeeper does nothing.", "No limit is known that it could pass."],
    ),
    ("orphaned", ORPHANED, SCRAPE, "stuck: its worker's process is alive and does not beat for it", [AT_ONCE]),
    (
        "held for an operator", LAST, SCRAPE, NO_HEARTBEAT,
        [
            "Riverkeeper does nothing: an operator has to decide.",
            f"The reason: {NO_ATTEMPT_LEFT}",
            "To decide: `riverkeeper rescue run 41` shows what a rescue would do.",
        ],
    ),
    (
        "retryable", waiting("retryable", scheduled_at=NOW + 90), SCRAPE, "retryable",
        ["The next attempt may begin at 2023-11-14 22:14:50 UTC (in 1 min 30 s)."],
    ),
    ("due", DUE, SCRAPE, "available", ["A worker of queue mail takes it; it has been due for 1 min 30 s."]),
    (
        "due in a paused queue", DUE, PAUSED, "available",
        [
            "A worker of queue mail takes it; it has been due for 1 min 30 s.",
            "But queue mail is paused: no worker takes a job from it until it is resumed.",
        ],
    ),
    (
        "overdue", waiting("retryable", scheduled_at=NOW - 90), SCRAPE, "retryable",
        ["River's leader makes it available; it has been due for 1 min 30 s."],
    ),
    ("pending", waiting("pending"), SCRAPE, "pending", ["It waits until the program that inserted it releases it."]),
    ("completed", waiting("completed", finalized_at=NOW - 9), SCRAPE, "completed", ["Nothing: the job is completed."]),
    ("gone", GONE, SCRAPE, "River's table has no such job", ["Nothing: a job that is not in the table is not worked."]),
    (
        "not judged", FACTS, replace(SCRAPE, verdicts=None), "running, not judged",
        ["Not known: the job was not judged."],
    ),
]  # fmt: skip


@for_each("case", NEXT, lambda case: case[0])
def test_how_it_is_and_what_happens_next(case: tuple[str, JobFacts, Snapshot, str, list[str]]) -> None:
    """In sentences that somebody who was just woken can act on, each with its moment."""
    _, facts, scrape, headline, sentences = case
    found = ask_json(facts, scrape)

    assert (found["headline"], found["next"]) == (headline, sentences)
    shown = page(facts, scrape)
    assert f"{headline[0].upper()}{headline[1:]}".replace("'", "&#39;") in shown


def test_a_lost_job_is_shown_in_full() -> None:
    """Its value against its limit, its worker, its heartbeat and progress, its limits."""
    shown = page(LOST)

    for fact in ("47 s without a heartbeat; the limit is 35 s (tier standard).", "attempt 2 claimed by web-1",
                 "2 of 25", "25%, reported 1 min ago", "no heartbeat since: 47 s by now",
                 "web-1 (runtime unknown)"):  # fmt: skip
        assert fact in shown
    assert '<section class="status bad"' in shown
    assert HEARTBEAT.seconds == 35.0


def test_what_cannot_be_read_is_not_shown_as_empty() -> None:
    """A login without the right sees no rescues; that is not the same as none."""
    unreadable = ("heartbeats", "rescues", "late results")
    shown = page(replace(FACTS, beats=None, rescues=None, late=None, unreadable=unreadable))

    assert "this login may not read it: heartbeats, rescues, late results." in shown
    assert ask_json(replace(FACTS, rescues=None))["rescues"] is None
    assert "too large to be read" in page(replace(FACTS, row=replace(ROW, error_count=None)))


def test_texts_of_users_are_escaped() -> None:
    """Kinds, client ids, errors and traces are anything."""
    error = JobError(Failure(1, NOW - 300, SCRIPT), SCRIPT)
    row = replace(ROW, kind=SCRIPT, client_id=SCRIPT, queue=SCRIPT, errors=(error,), error_count=1)

    assert SCRIPT not in page(replace(FACTS, row=row))


def test_an_error_names_the_clock_of_its_moment() -> None:
    """River dates a failure by the worker's clock and by the start of the attempt; a rescue by its own moment."""
    errors = (
        JobError(Failure(2, NOW - 60, "Stuck job rescued by JobRescuer"), ""),
        JobError(Failure(1, NOW - 300, "no\nb"), ""),
    )
    shown = page(waiting("retryable", errors=errors, error_count=2))

    assert "attempt 1 began, and failed: no" in shown
    assert "5 min ago, by the worker&#39;s clock" in shown
    assert "attempt 2 River&#39;s own rescuer ended" in shown


def test_a_failure_stands_where_its_client_reported_the_end() -> None:
    """Not at the start of the attempt, where a reader takes it for the first thing that went wrong."""
    ended = ClaimBeats(1, AT, NOW - 300, replace(BEAT, ended_at=NOW - 40, outcome="failed"), "a")
    errors = (JobError(Failure(1, NOW - 300, "no answer"), ""),)
    facts = waiting("retryable", errors=errors, error_count=1)
    events = ask_json(replace(facts, beats=(ended,)))["events"]
    assert isinstance(events, list)
    failure = next(event for event in events if "failed: no answer" in event["text"])

    assert (failure["at"], failure["clock"]) == ("2023-11-14T22:12:40.000Z", "database")
    assert failure["text"] == "attempt 1 failed: no answer"


def test_an_attempt_that_resumed_is_on_the_line() -> None:
    """With whose checkpoint it began."""
    shown = page(replace(FACTS, resumed=(ResumedClaim(NOW - 100, 1),)))

    assert "this attempt resumed from the checkpoint of attempt 1" in shown


def test_links_of_a_page_in_a_folder() -> None:
    """Lead out of it: the page works behind a proxy that serves it under any path."""
    shown = page(FACTS)
    links = re.findall(r'(?:href|src)="([^"]+)"', shown)

    assert {"../stuck", "../workers", "../static/style.css?1.2.3", "41.json"} <= set(links)
    assert [link for link in links if link.startswith("/")] == []


def test_river_ui_is_linked_where_it_is_named() -> None:
    """Not otherwise: a link that leads nowhere is worse than none."""
    named = FakeService(reading=SCRAPE, about_job=FACTS, river_ui="https://riverui.example/jobs")

    assert 'href="https://riverui.example/jobs/41"' in ask(app_of(named), "/jobs/41").text
    assert "River UI" not in page(FACTS)


def test_a_database_that_is_away_is_an_answer() -> None:
    """503 with the fix."""
    app = app_of(FakeService(about_job=DatabaseError(ErrorKind.UNREACHABLE, "refused")))

    assert [ask(app, path).status_code for path in ("/jobs/1", "/jobs/1.json")] == [503, 503]


def test_the_line_is_in_the_order_of_time_and_within_the_drawing() -> None:
    """A pause of a day and a beat of ten seconds stand on one line; both can be seen."""
    events = [
        LifeEvent(NOW - 90_000, EventKind.CLAIM, "a", 1),
        LifeEvent(NOW - 89_990, EventKind.RESCUE, "b", 1),
        LifeEvent(NOW - 100, EventKind.CLAIM, "c", 2),
        LifeEvent(NOW - 90, EventKind.BEAT, "d", 2),
        LifeEvent(NOW - 50, EventKind.BEAT, "e", 2),
        LifeEvent(NOW - 40, EventKind.SILENCE, "f", 2),
        LifeEvent(NOW, EventKind.NOW, "now"),
    ]
    drawing = draw(events)
    places = [sign.left for sign in drawing.signs]

    assert places == sorted(places)
    assert (places[0], places[-1]) == (2.0, 98.0)
    assert min(later - earlier for earlier, later in pairwise(places)) > 5
    assert [(bar.kind, bar.left) for bar in drawing.bars] == [
        ("claim", places[0]), ("claim", places[2]), ("beats", places[3]), ("silence", places[5]),
    ]  # fmt: skip


def test_one_event_is_a_line_too() -> None:
    """A job that was never claimed has only its present."""
    assert [sign.left for sign in draw([LifeEvent(NOW, EventKind.NOW, "now")]).signs] == [2.0]


def test_every_reason_has_its_words() -> None:
    """A verdict without a sentence would be a page that fails."""
    assert {*REASON_WORDS} == {*Reason}


def test_a_dead_worker_is_shown_with_its_proof() -> None:
    """What ended, how and when; and no moment at which it would be called something else."""
    end = Terminated("u", "jobs/web-1", "worker", EndCause.OOM_KILLED, 137, 9, NOW - 900, NOW - 4, "c")
    dead = StuckJob(replace(RUNNING, terminated=end), Verdict(Reason.WORKER_DEAD, "standard"))
    found = ask_json(FACTS, replace(SCRAPE, verdicts=judged(dead)))

    assert found["headline"] == "stuck: its worker is dead: its process has ended"
    assert "Container worker of pod jobs/web-1 was killed because it used more memory" in str(found["explained"])
    assert found["changes"] == []


def test_a_job_whose_workers_run_out_of_memory_is_shown_as_what_may_kill_them() -> None:
    """From the second kill on, while the job can still be tried again; the same attempt in dry run and live is one."""
    killed = [
        replace(RESCUE, reason="worker_dead", attempt=number, evidence={"cause": "OOMKilled"}) for number in (2, 1, 1)
    ]
    lost = replace(RESCUE, attempt=3)
    again = waiting("available")

    assert "2 of its workers were killed" in str(ask_json(replace(again, rescues=tuple(killed)))["explained"])
    assert ask_json(replace(again, rescues=(*killed[1:], lost)))["explained"] == []
    assert ask_json(replace(waiting("completed"), rescues=tuple(killed)))["explained"] == []


def test_a_checkpoint_is_shown_without_its_value() -> None:
    """From where the next attempt goes on: size, age, by which attempt, and whether one has resumed from it."""
    saved = NewestCheckpoint(1, 412, NOW - 60, 0, None)

    assert "412 bytes, saved 1 min ago" in page(replace(FACTS, checkpoint=saved))
    assert "by attempt 1; no attempt has resumed from it yet" in page(replace(FACTS, checkpoint=saved))
    assert "resumed 2 times" in page(replace(FACTS, checkpoint=replace(saved, resumes=2, resumed_at=NOW - 30)))
    assert ask_json(replace(FACTS, checkpoint=saved))["checkpoint"] == {
        "attempt": 1, "bytes": 412, "resumes": 0, "saved_at": "2023-11-14T22:12:20.000Z", "resumed_at": None,
    }  # fmt: skip


def test_a_note_of_progress_is_shown_escaped() -> None:
    """It is a text of users, and only there where this login may read it."""
    shown = page(beating(replace(BEAT, note="page <3>")))

    assert "page &lt;3&gt;" in shown


STACK = "net/http.(*Transport).roundTrip\tnet/http/transport.go:9\nbilling.Charge\tbilling.go:88"


def test_where_its_work_stands_is_shown() -> None:
    """Of the newest claim that sent a stack; a request without an answer shows why."""
    beat = replace(BEAT, stack_requested_at=NOW - 60, stack_at=NOW - 50)
    stacks = {JobClaim(41, 2, AT): JobStack(STACK, NOW - 50)}
    shown = page(replace(beating(beat), stacks=stacks))
    waiting_for_it = page(beating(replace(BEAT, stack_requested_at=NOW - 1)))

    assert "Where its work stands" in shown
    assert "billing.Charge" in shown
    assert "requested 1.0 s ago; the next beat brings it" in waiting_for_it
    assert "Where its work stands" not in page(FACTS)
    assert ask_json(replace(beating(beat), stacks=stacks))["stacks"] != []


def test_where_the_work_of_an_ended_attempt_stood_is_past() -> None:
    """Nobody may take it for what the job does now."""
    beat = replace(BEAT, stack_requested_at=NOW - 60, stack_at=NOW - 50)
    ended = replace(waiting("completed"), beats=(ClaimBeats(2, AT, NOW - 100, beat, "a"),))
    stack = JobStack(STACK, NOW - 50)
    swept = replace(waiting("completed"), rescues=(replace(RESCUE, stack=stack),))

    for facts in (replace(ended, stacks={JobClaim(41, 2, AT): stack}), swept):
        shown = page(facts)
        assert "Where its work stood" in shown
        assert "It was in <strong>net/http." in shown
