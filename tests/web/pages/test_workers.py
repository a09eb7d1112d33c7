"""/workers and /workers.json: filters, the words of each state, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.offenders import for_each
from fixtures.web import NOW, FakeService, app_of, ask
from fixtures.workers import GO
from riverkeeper.evidence.proof import ReportedPod
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.known_names import KnownNames
from riverkeeper.scrape.workers import WorkerFilter, Workers
from riverkeeper.verdict.client_ids import Runtime
from riverkeeper.verdict.suspects import WorkerInstance
from riverkeeper.verdict.workers import LeftClaims, Presence, RuntimeRow, Worker, WorkerFence
from riverkeeper.web.pages.workers import describe_end, describe_fence, describe_kinds, describe_runtime

SCRIPT = "<script>alert(1)</script>"
BEATING = Worker(
    GO, Presence.BEATING, Runtime.GO, WorkerFence.DATABASE, "11111111-1111-1111-1111-111111111111",
    "riverbeat-go/0.1.0", "web-1", NOW - 7200, beat_at=NOW - 4, interval=10.0, last_claim=NOW - 30,
    oldest_claim=NOW - 60, jobs=2, kinds=("report", "send"), queues=("mail",), fences=True,
)  # fmt: skip
STALE = replace(BEATING, client_id="dead-1", presence=Presence.STALE, beat_at=NOW - 90, jobs=1, unbeaten=1)
UNSEEN = Worker("old", Presence.NO_HEARTBEATS, None, WorkerFence.NONE, last_claim=NOW - 5, jobs=3, unbeaten=3)


def fleet(*workers: Worker, found: int | None = None, **facts: object) -> Workers:
    known = {presence: sum(worker.presence is presence for worker in workers) for presence in Presence}
    whole = Workers(workers, len(workers) if found is None else found, known, (), True, True, True, NOW)
    return replace(whole, **facts)  # type: ignore[arg-type]


def text(found: Workers, query: str = "") -> str:
    answer = ask(app_of(FakeService(fleet=found)), f"/workers{query}")
    assert answer.status_code == 200
    return answer.text


def test_the_filters_reach_the_query() -> None:
    """As they are given. An empty field means any; labels of an alert that mean nothing here are let pass."""
    service = FakeService()
    ask(app_of(service), "/workers?queue=mail&kind=send&client=web&status=stale&runtime=go&limit=7")
    ask(app_of(service), "/workers?queue=&kind=&client=&status=&runtime=&limit=&tier=urgent&severity=page")

    assert service.workers_requests == [
        (WorkerFilter("mail", "send", "web", "stale", "go"), 7),
        (WorkerFilter(), 50),
    ]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?client=a%00", "?status=dead", "?runtime=cobol"])
def test_a_query_that_cannot_be_answered_is_refused(query: str) -> None:
    """400, with what there is; a misspelt status must not look like an all-clear."""
    app = app_of(FakeService())

    assert [ask(app, f"{path}{query}").status_code for path in ("/workers", "/workers.json")] == [400, 400]
    assert "did you mean" in ask(app, "/workers.json?status=stall").json()["error"]


def test_a_misspelt_kind_is_named() -> None:
    """404 where the list is empty for that reason."""
    service = FakeService(names=KnownNames(frozenset(), frozenset({"send"})))

    assert ask(app_of(service), "/workers.json?kind=sned").status_code == 404
    assert ask(app_of(service), "/workers.json?kind=send").status_code == 200


def test_a_worker_is_shown_in_full() -> None:
    """Who, where, since when and by whose clock, last seen, its jobs and kinds, its runtime, level and fence."""
    shown = text(fleet(BEATING))

    for fact in (GO, "host web-1", "beating", "beat <time", "4.0 s ago", "2 h ago", "report, send", "go"):
        assert fact in shown
    assert "riverbeat-go/0.1.0, level full" in shown
    assert "1 of 1, at 2023-11-14 22:13:20 UTC. Beats are dated by the database's clock." in shown


def test_what_is_not_known_is_shown_as_such() -> None:
    """Never a blank, and never a guess."""
    shown = text(fleet(UNSEEN))

    for fact in ("without heartbeats", "host or pod: not known", "claim <time", "no heartbeat client", "unknown"):
        assert fact in shown


def test_json_holds_the_same() -> None:
    """Stable keys; each moment that may be by another clock names it."""
    first, second = ask(app_of(FakeService(fleet=fleet(STALE, UNSEEN))), "/workers.json").json()["workers"]

    assert (first["status"], first["runtime"], first["level"], first["fence"]) == ("stale", "go", "full", "yes")
    assert (first["beat_age_seconds"], first["started_at_clock"]) == (90.0, "worker")
    assert first["last_claim_clock"] == "database"
    assert first["end"] == {
        "how": "held_jobs", "running": 1, "rescued": 0, "recorded_in_dry_run": 0,
        "completed": None, "ended_otherwise": None, "unknown": None,
    }  # fmt: skip
    assert (second["instance"], second["runtime"], second["level"], second["end"]) == (None, None, None, None)
    assert second["last_claim_clock"] == "unknown"


KILLED = "killed, cut off or frozen at work"
OOM = "container worker of pod jobs/web-1 was killed"
ENDS = [
    (replace(STALE, proof=OOM, left=LeftClaims(True, gave_up=1)), f"{OOM}; jobs: 1 still running"),
    (replace(STALE, left=LeftClaims(True, rescued=2)), f"{KILLED}; jobs: 1 still running, 2 rescued"),
    (
        replace(STALE, left=LeftClaims(True, recorded=1)),
        f"{KILLED}; jobs: 1 still running (1 would be rescued: dry run)",
    ),
    (
        replace(STALE, jobs=0, left=LeftClaims(True, gave_up=1, rescued=1)),
        "ended in order: it gave up 1 job before; jobs: 1 rescued",
    ),
    (replace(STALE, jobs=0, left=LeftClaims(True)), "its jobs had ended: stopped in order, or killed while idle"),
    (
        replace(STALE, jobs=0),
        "how it ended is not known; no job of it runs now; what it held is not known any more",
    ),
    (BEATING, ""),
]


@for_each("case", ENDS, lambda case: case[1])
def test_how_it_ended_in_words(case: tuple[Worker, str]) -> None:
    """Only what the tables show; a clean stop and a kill while idle are the same to them."""
    worker, words = case

    assert "; ".join(describe_end(worker)) == words


def test_only_a_process_that_left_a_job_running_is_loud() -> None:
    """After a deployment the list is full of processes that stopped as they should."""
    assert '<strong class="mark">stopped beating' in text(fleet(STALE))
    assert '<strong class="mark">' not in text(fleet(replace(STALE, jobs=0)))


def test_why_there_is_no_fence() -> None:
    """A token without the triggers is another fault than a client without a token."""
    unfenced = replace(BEATING, fence=WorkerFence.NONE)

    assert describe_fence(unfenced) == "no: its results carry the token, but the fence is not in force"
    assert describe_fence(replace(unfenced, fences=False)) == "no: its results carry no token"
    assert describe_fence(UNSEEN) == "no"


def test_many_kinds_are_cut() -> None:
    """The row stays readable, and shows that there are more."""
    assert describe_kinds(replace(BEATING, kinds=tuple("abcdef"))) == "a, b, c, d and 2 more"
    assert describe_kinds(replace(BEATING, kinds=(), beats_for=frozenset({"x"}))) == "x"


def test_the_table_of_runtimes() -> None:
    """What there is of each, with "no" where it is no."""
    rows = [
        RuntimeRow(Runtime.GO, 3, beating=3, fenced=2, guarded=0, watched=2),
        RuntimeRow(Runtime.JAVA, 1, beating=0, fenced=0, guarded=1, watched=0),
        RuntimeRow(None, 2, beating=1, fenced=0, guarded=0, watched=None),
    ]
    cells = [describe_runtime(row) for row in rows]

    assert [(c.runtime, c.metrics, c.beats, c.fence, c.evidence) for c in cells] == [
        ("go", "yes", "yes", "2 of 3", "2 of 3"),
        ("java", "yes, without waits", "no", "native guard", "no"),
        ("unknown", "yes", "1 of 2", "no", "no"),
    ]
    assert "What Riverkeeper has of each runtime" in text(fleet(BEATING, runtimes=tuple(rows)))


def test_a_fleet_of_which_nobody_beats_is_no_quiet_page() -> None:
    """All dead, or their heartbeats do not arrive: both need somebody."""
    assert "No process beats now" in text(fleet(STALE))
    assert "No process beats now" not in text(fleet(STALE, BEATING))
    assert "nobody can be seen to beat" in text(fleet(UNSEEN, heartbeats=False))


def test_the_pod_that_a_process_reports_is_shown_with_its_namespace() -> None:
    """A StatefulSet's pod looks like any host, and a client id of one's own holds no host at all."""
    pod = ReportedPod("0f3c1a52", "jobs", "web-0", "web-0")
    found = fleet(
        replace(BEATING, client_id="mine", host="web-0", process=WorkerInstance("i", NOW, 10.0, NOW, pod=pod))
    )

    assert "pod jobs/web-0" in text(found)
    [shown] = ask(app_of(FakeService(fleet=found)), "/workers.json").json()["workers"]
    assert (shown["pod"], shown["pod_namespace"], shown["pod_uid"]) == ("web-0", "jobs", "0f3c1a52")


def test_a_cut_list_shows_how_many_more() -> None:
    """A reading that was cut gives no total."""
    assert "1 999 more are not shown" in text(fleet(BEATING, found=2000)).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "1 of 2 or more" in text(fleet(BEATING, found=2, complete=False))


def test_texts_of_users_are_escaped() -> None:
    """Client ids, kinds and the name of the software are anything."""
    shown = text(fleet(replace(BEATING, client_id=SCRIPT, kinds=(SCRIPT,), software=SCRIPT)), "?client=%3Cscript%3E")

    assert SCRIPT not in shown


def test_a_database_that_is_away_is_an_answer() -> None:
    """503 with the fix."""
    app = app_of(FakeService(fleet=DatabaseError(ErrorKind.UNREACHABLE, "refused")))

    assert [ask(app, path).status_code for path in ("/workers", "/workers.json")] == [503, 503]
