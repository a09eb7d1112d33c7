"""The stack of a claim's work: of its thread or task alone, without values, bounded, only where it is requested."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType

import pytest

from conformance.floor import Event
from fixtures.contract import Connection, ask, beat, beat_rows, claims_of, connected
from fixtures.waiting import until
from riverkeeper.heartbeat import Beater, Claim, HeartbeatTier
from riverkeeper.heartbeat.stacks import (
    MOST_STACKS,
    STACK_BYTES,
    StackAnswers,
    TaskPlace,
    ThreadPlace,
    WorkPlace,
    find_frame,
    format_stack,
)
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

AT = "2026-01-01T00:00:00.00000%dZ"


def functions(text: str | None) -> list[str]:
    """Of each line the function, without its module."""
    return [line.partition("\t")[0].rpartition(".")[2] for line in (text or "").splitlines()]


class Waiting:
    """A thread that waits inside two functions of a job."""

    def __init__(self) -> None:
        self.begun, self.end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.charge, args=("4111 1111",), daemon=True)

    def __enter__(self) -> Waiting:
        self.thread.start()
        self.begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self.thread.join()

    def charge(self, card: str) -> None:
        self.call(card)

    def call(self, card: str) -> None:
        self.begun.set()
        self.end.wait()


def test_a_stack_is_of_its_thread_alone_and_has_no_values() -> None:
    """Function, file and line, the innermost first."""
    with Waiting() as job, Waiting():
        text = format_stack(ThreadPlace(job.thread).frames())

    found = functions(text)
    assert found[found.index("call") :][:2] == ["call", "charge"]
    assert found.count("charge") == 1
    assert text is not None
    assert "4111" not in text
    assert all(line.partition("\t")[2].rpartition(":")[2].isdecimal() for line in text.splitlines())


def test_a_thread_that_has_ended_has_no_stack() -> None:
    """The next thread may have its ident: a stack of another job would be worse than none."""
    with Waiting() as job:
        place = ThreadPlace(job.thread)

    with Waiting():
        assert format_stack(place.frames()) is None


def test_a_task_shows_what_it_awaits() -> None:
    """Coroutines in coroutines, the innermost first; not the frames of other tasks in the loop."""

    async def inner(event: asyncio.Event) -> None:
        await event.wait()

    async def outer(event: asyncio.Event) -> None:
        await inner(event)

    async def main() -> str | None:
        event = asyncio.Event()
        task, other = asyncio.create_task(outer(event)), asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        text = await asyncio.to_thread(
            lambda: format_stack(TaskPlace(task, threading.main_thread()).frames()),
        )
        event.set()
        await asyncio.gather(task, other)
        return text

    assert functions(asyncio.run(main())) == ["wait", "inner", "outer"]


def test_a_task_that_blocks_its_loop_shows_where() -> None:
    """What blocks is an ordinary call, which no coroutine knows of."""
    found: list[str | None] = []

    async def main() -> None:
        task, loop_thread = asyncio.current_task(), threading.current_thread()
        assert task is not None
        with ThreadPoolExecutor(1) as other:
            blocking(other, TaskPlace(task, loop_thread))

    def blocking(other: ThreadPoolExecutor, place: TaskPlace) -> None:
        found.append(other.submit(lambda: format_stack(place.frames())).result())

    asyncio.run(main())

    assert [name for name in functions(found[0]) if name in {"blocking", "main"}] == ["blocking", "main"]


def test_a_long_stack_is_cut_and_odd_names_are_cleaned() -> None:
    """The innermost frames are kept, whole; nothing is left that the table refuses."""
    name = "é\0\udcff\t" * 60
    code = compile("f(n - 1, end) if n else end.append(sys._getframe())", "job.py", "eval").replace(co_filename=name)
    frames: list[FrameType] = []

    def call(n: int, end: list[FrameType]) -> object:
        return eval(code, {"f": call, "n": n, "end": end, "sys": sys})  # noqa: S307 - our own text

    call(200, frames)
    text = format_stack(walk(frames[0]))

    assert text is not None
    assert STACK_BYTES - 1000 < len(text.encode()) <= STACK_BYTES
    assert text.splitlines()[0] == f"<module>\t{'é???' * 60}:1"
    assert all(line.count("\t") == 1 for line in text.splitlines())


def walk(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def test_no_frames_are_no_stack() -> None:
    """There is nothing to send."""
    assert format_stack([]) is None


@dataclass
class RequestedClaim:
    """A claim whose stack is requested."""

    claim: Claim
    place: WorkPlace | None
    stack_requested: bool = True
    returned: threading.Event = field(default_factory=threading.Event)


class Store:
    """Keeps what it is sent, or refuses."""

    def __init__(self) -> None:
        self.sent: list[Mapping[Claim, str]] = []
        self.error: DatabaseError | None = None

    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None:
        if self.error:
            raise self.error
        self.sent.append(stacks)


def requested_claims(numbers: Sequence[int]) -> list[RequestedClaim]:
    here = ThreadPlace(threading.current_thread())
    return [RequestedClaim(Claim(number, AT % 1, 1), here) for number in numbers]


def answer(store: Store, claims: Sequence[RequestedClaim]) -> None:
    answers = StackAnswers(store)
    answers.send(answers.take(claims), 1.0)


def test_only_what_is_requested_and_still_at_work_is_sent() -> None:
    """One statement for all of them, and none where there is nothing to say."""
    store, claims = Store(), requested_claims([1, 2, 3, 4])
    claims[1].stack_requested = False
    claims[2].returned.set()
    claims[3].place = None
    answer(store, claims)
    answer(store, claims[1:])

    assert [[claim.job_id for claim in sent] for sent in store.sent] == [[1]]


def test_many_requests_are_answered_in_turn() -> None:
    """A thousand hung jobs must not send 32 MB in one statement."""
    store = Store()
    answer(store, requested_claims(range(1, 1001)))

    assert [len(sent) for sent in store.sent] == [MOST_STACKS]


def test_a_stack_that_is_refused_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every beat requests it again; a line in each of them would hide what matters."""
    store = Store()
    answers = StackAnswers(store)
    store.error = DatabaseError(ErrorKind.FORBIDDEN, "permission denied")
    for _ in range(3):
        answers.send(answers.take(requested_claims([1])), 1.0)
    assert len(caplog.records) == 1
    store.error = None
    answers.send(answers.take(requested_claims([1])), 1.0)

    assert len(store.sent) == 1


def test_a_client_may_switch_stacks_off() -> None:
    """Then it does not even know where the work runs."""
    with Waiting():
        beater = Beater("postgres://nowhere/", "worker", stacks=False)
        active, _ = beater.register(Claim(1, AT % 1, 1))
        active.runs_here()
        on, _ = Beater("postgres://nowhere/", "worker").register(Claim(1, AT % 1, 1))
        on.runs_here()

    assert active.place is None
    assert on.place is not None


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


REQUEST = "UPDATE riverkeeper.heartbeat SET stack_requested_at = clock_timestamp() WHERE job_id = %s"


def send(sql: Connection, claims: Sequence[Event], text: str) -> None:
    ask(
        sql,
        "stack",
        {
            "job_ids": [claim["job_id"] for claim in claims],
            "attempted_ats": [claim["attempted_at"] for claim in claims],
            "stacks": [text] * len(claims),
        },
    )


def stacks(sql: Connection) -> dict[int, str]:
    return {row["job_id"]: row["stack"] for row in sql.execute("SELECT job_id, stack FROM riverkeeper.stack")}


def test_the_database_takes_a_stack_once_for_each_request(sql: Connection) -> None:
    """Nothing that was not requested, nothing of a lost claim, and nothing twice."""
    ours, lost, other = claims = claims_of(sql, 3)
    beat(sql, claims)
    send(sql, claims, "not requested")
    assert stacks(sql) == {}

    for claim in (ours, lost):
        sql.execute(REQUEST, [claim["job_id"]])
    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = %s", [lost["job_id"]])
    send(sql, [other, lost, ours], "first")
    send(sql, claims, "again")
    assert stacks(sql) == {ours["job_id"]: "first"}

    sql.execute(REQUEST, [ours["job_id"]])
    send(sql, claims, "second")
    assert stacks(sql) == {ours["job_id"]: "second"}


def test_a_beat_brings_the_request_until_it_is_answered(sql: Connection) -> None:
    """Also for a claim whose row the beat has just made, and for one that has to stop."""
    claims = claims_of(sql, 2)
    assert requested(sql, claims) == [False, False]
    sql.execute(REQUEST, [claims[1]["job_id"]])
    sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now()")
    assert requested(sql, claims) == [False, True]
    send(sql, claims, "here")

    assert requested(sql, claims) == [False, False]


def requested(sql: Connection, claims: Sequence[Event]) -> list[bool]:
    """The third column of the beat's answer."""
    return [row["stack_requested"] for row in beat_rows(sql, claims)]


def test_a_stack_reaches_the_table(installed_url: str, sql: Connection) -> None:
    """The Python client end to end: the block of a thread."""
    [claim] = claims_of(sql, 1)
    with (
        Beater(installed_url, "worker", tier=HeartbeatTier(0.2)) as beater,
        beater.beating(claim["job_id"], claim["attempt"], claim["attempted_at"]),
    ):
        until(lambda: sql.execute("SELECT FROM riverkeeper.heartbeat").fetchall(), "the claim to beat")
        sql.execute(REQUEST, [claim["job_id"]])
        until(lambda: stacks(sql), "the stack")

    assert "test_a_stack_reaches_the_table" in functions(stacks(sql)[claim["job_id"]])


def test_no_garbage_is_collected_while_threads_are_listed() -> None:
    """It would run Python code while no thread may begin or end; before Python 3.11.9 the process can stop for ever."""
    caught = list[int]()

    def notice(_phase: str, _info: Mapping[str, int]) -> None:
        caller = sys._getframe(1)
        if caller.f_code is find_frame.__code__ and caller.f_lineno == listing:
            caught.append(caller.f_lineno)

    source, first = inspect.getsourcelines(find_frame)
    listing = first + next(number for number, line in enumerate(source) if "return sys._current_frames()" in line)
    thresholds = gc.get_threshold()
    gc.callbacks.append(notice)
    gc.set_threshold(1)
    try:
        found = [find_frame(threading.get_ident()) for _ in range(100)]
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(notice)

    assert None not in found
    assert gc.isenabled()
    assert caught == []
