"""What is shown of a worker: whether it beats, its level, its fence, how it ended; and never more than is known."""

from __future__ import annotations

from dataclasses import replace

from fixtures.offenders import for_each
from fixtures.running_jobs import NOW
from fixtures.workers import GO, JAVA, RUBY, RUST
from riverkeeper.verdict.client_ids import Runtime, runtime_of
from riverkeeper.verdict.suspects import WorkerInstance
from riverkeeper.verdict.workers import (
    ClientWork,
    LeftClaims,
    Presence,
    Worker,
    WorkerEnding,
    WorkerFence,
    count_runtimes,
    list_workers,
    order_workers,
)

PROCESS = WorkerInstance("a", NOW - 5, 10.0, NOW - 900, fences=True, software="riverbeat-go/0.1.0")
WORK = ClientWork(GO, "a", 2, 2, NOW - 60, NOW - 30)
STALE = Worker(GO, Presence.STALE, Runtime.GO, WorkerFence.DATABASE, "a", beat_at=NOW - 90, interval=10.0)


def only(
    *processes: WorkerInstance, client: str = GO, work: tuple[ClientWork, ...] = (), fenced: bool | None = True
) -> Worker:
    """The first worker of a client with these processes."""
    return list_workers({client: processes}, work, NOW, fenced=fenced)[0]


RUNTIMES = [
    (GO, "", Runtime.GO),
    (RUST, "plain", Runtime.RUST),
    (RUBY, "plain web", Runtime.RUBY),
    (JAVA, "plain", Runtime.JAVA),
    ("mine", "riverbeat-rust/0.1.0", Runtime.RUST),
    ("mine", "riverkeeper-python 0.1.0", Runtime.PYTHON),
    (GO, "riverbeat-js/0.1.0", Runtime.JAVASCRIPT),
    (RUST, "riverkeeper-python 0.1.0", Runtime.RUST),
    ("mine", "plain web", None),
    ("mine", "", None),
]


@for_each("case", RUNTIMES, str)
def test_the_runtime_is_by_the_heartbeat_client_then_by_the_id(case: tuple[str, str, Runtime | None]) -> None:
    """An id in no known form, with a client that any runtime may use, is of no known runtime."""
    client_id, software, runtime = case

    assert runtime_of(client_id, software) == runtime


def test_three_missed_beats_make_a_process_stale() -> None:
    """Of its own intervals, as the number of beating clients counts; one late beat does not."""
    assert only(PROCESS).presence is Presence.BEATING
    assert only(replace(PROCESS, beat_at=NOW - 30)).presence is Presence.BEATING
    assert only(replace(PROCESS, beat_at=NOW - 30.1)).presence is Presence.STALE
    assert only(replace(PROCESS, beat_at=NOW - 30.1, interval=30.0)).presence is Presence.BEATING


def test_a_client_without_a_process_is_known_by_its_claims() -> None:
    """With the runtime, host and start that its id holds; it beats nowhere, so it has no level."""
    worker = list_workers({}, [replace(WORK, instance=None)], NOW, fenced=True)[0]

    assert (worker.presence, worker.runtime, worker.host, worker.level) == (
        Presence.NO_HEARTBEATS,
        Runtime.GO,
        "web-1",
        None,
    )
    assert (worker.jobs, worker.unbeaten, worker.fence) == (2, 2, WorkerFence.NONE)
    assert worker.started_at is not None


def test_jobs_are_counted_with_the_process_that_beats_for_them() -> None:
    """Two processes may share an id. Jobs without beats count once, with the one that beat last."""
    other = replace(PROCESS, instance="b", beat_at=NOW - 1)
    work = (WORK, replace(WORK, instance="b", jobs=3), replace(WORK, instance=None, jobs=1))
    first, second = list_workers({GO: (PROCESS, other)}, work, NOW, fenced=True)

    assert (first.jobs, first.unbeaten) == (2, 0)
    assert (second.jobs, second.unbeaten) == (4, 1)


def test_the_fence_needs_the_token_and_the_triggers() -> None:
    """River for Java and JavaScript guards results itself. What cannot be seen is unknown, not no and not yes."""
    plain = replace(PROCESS, fences=False, software="plain")

    assert only(PROCESS).fence is WorkerFence.DATABASE
    assert only(PROCESS, fenced=False).fence is WorkerFence.NONE
    assert only(PROCESS, fenced=None).fence is WorkerFence.UNKNOWN
    assert only(plain).fence is WorkerFence.NONE
    assert only(plain, client=JAVA).fence is WorkerFence.NATIVE
    assert only(replace(plain, software="riverbeat-js/0.1.0"), client="mine", fenced=None).fence is WorkerFence.NATIVE


def test_the_level_is_what_the_row_shows() -> None:
    """A client that nobody here knows, without the token, has no known level."""
    levels = [
        only(replace(PROCESS, fences=fences, software=software)).level
        for fences, software in [(True, "x"), (False, "riverbeat-go/0.1.0"), (False, "plain web"), (False, "mine 3")]
    ]

    assert levels == ["full", "leasing", "plain", None]


ENDINGS = [
    (STALE, LeftClaims(traced=True), WorkerEnding.HELD_NONE),
    (STALE, LeftClaims(traced=True, completed=3, ended=1), WorkerEnding.HELD_NONE),
    (STALE, LeftClaims(traced=False), WorkerEnding.UNKNOWN),
    (STALE, LeftClaims(traced=True, completed=3, unknown=1), WorkerEnding.UNKNOWN),
    (STALE, LeftClaims(traced=True, gave_up=1), WorkerEnding.GAVE_UP),
    (STALE, LeftClaims(traced=False, rescued=1), WorkerEnding.HELD_JOBS),
    (STALE, LeftClaims(traced=True, recorded=1), WorkerEnding.HELD_JOBS),
    (replace(STALE, jobs=1), LeftClaims(traced=False), WorkerEnding.HELD_JOBS),
    (replace(STALE, presence=Presence.BEATING, jobs=1), LeftClaims(gave_up=1), None),
]


@for_each("case", ENDINGS, str)
def test_how_a_process_ended_is_shown_only_where_it_is_known(
    case: tuple[Worker, LeftClaims, WorkerEnding | None],
) -> None:
    """A clean stop and a kill without a job leave the same rows; deleted heartbeats prove nothing."""
    worker, left, ending = case

    assert replace(worker, left=left).ending == ending


def test_those_that_stopped_with_a_job_come_first() -> None:
    """Then those that stopped, those that never beat and hold jobs, those that beat, and idle clients of old claims."""
    silent = replace(STALE, presence=Presence.NO_HEARTBEATS, beat_at=None)
    order = [
        replace(STALE, client_id="dead", jobs=1),
        replace(STALE, client_id="gone"),
        replace(STALE, client_id="gone before", beat_at=NOW - 900),
        replace(silent, client_id="never", jobs=1),
        replace(STALE, client_id="busy", presence=Presence.BEATING, jobs=9),
        replace(STALE, client_id="idle", presence=Presence.BEATING),
        replace(silent, client_id="old", last_claim=NOW - 9),
    ]

    assert order_workers(reversed(order)) == order


def test_the_table_of_runtimes_counts_those_that_are_there() -> None:
    """A process that stopped is not there; an unknown runtime has a line of its own."""
    beating = replace(STALE, presence=Presence.BEATING)
    rows = count_runtimes(
        [
            STALE,
            beating,
            replace(beating, presence=Presence.NO_HEARTBEATS, fence=WorkerFence.NONE),
            replace(beating, runtime=None, fence=WorkerFence.NATIVE),
        ]
    )

    assert [(row.runtime, row.workers, row.beating, row.fenced, row.guarded) for row in rows] == [
        (Runtime.GO, 2, 1, 1, 0),
        (None, 1, 1, 0, 1),
    ]
