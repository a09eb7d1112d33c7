"""The stack of a claim's work as text: functions, files and lines. Never values, arguments or lines of source.

Threads and tasks that the work has started are not in it: Python does not know who started them.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from riverkeeper.heartbeat.claim import Claim
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

STACK_BYTES = 32_768  # the table refuses longer stacks
MOST_FRAMES = 400  # of one stack, the innermost: some 32 kB
MOST_STACKS = 20  # in one tick: 640 kB; the others wait for the next tick
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


class WorkPlace(Protocol):
    """Where the work of a claim runs."""

    def frames(self) -> Iterable[FrameType]:
        """The innermost first; none where the work is not there any more."""
        ...


class RequestedStack(Protocol):
    """What an answer needs of an active claim."""

    @property
    def claim(self) -> Claim: ...
    @property
    def stack_requested(self) -> bool: ...
    @property
    def place(self) -> WorkPlace | None: ...
    @property
    def returned(self) -> threading.Event: ...


class StackStore(Protocol):
    """Where stacks are written."""

    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ThreadPlace:
    """A thread. Its ident alone is not enough: the next thread may get the same one."""

    thread: threading.Thread

    def frames(self) -> Iterator[FrameType]:
        if self.thread.is_alive() and self.thread.ident is not None:
            frame = find_frame(self.thread.ident)
            while frame is not None:
                yield frame
                frame = frame.f_back


def find_frame(ident: int) -> FrameType | None:
    """Where a thread is.

    Before Python 3.11.9 a collection of garbage within `sys._current_frames` can stop the whole process for ever: it
    runs Python code while no thread may begin or end (CPython issue 106883).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(ident)
    finally:
        if collects:
            gc.enable()


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """An asyncio task, in the thread of its loop."""

    task: asyncio.Task[object]
    thread: threading.Thread

    def frames(self) -> Iterable[FrameType]:
        coroutine: object = self.task.get_coro()
        if getattr(coroutine, "cr_running", False):  # it holds the loop: what it calls is on the thread's stack
            return ThreadPlace(self.thread).frames()
        return reversed([*_suspended(coroutine)])


def _suspended(awaited: object) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it awaits, the outermost first."""
    for _ in range(MOST_FRAMES):
        for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            frame = getattr(awaited, f"{prefix}_frame", None)
            if isinstance(frame, FrameType):
                yield frame
                awaited = getattr(awaited, inner, None)
                break
        else:
            return


def format_stack(frames: Iterable[FrameType]) -> str | None:
    """The contract's text: a line for each frame, the innermost first. None: there is no frame."""
    lines, size = list[str](), 0
    for frame in frames:
        line = _line(frame)
        size += len(line.encode()) + 1
        if size > STACK_BYTES or len(lines) == MOST_FRAMES:
            break
        lines.append(line)
    return "\n".join(lines) or None


def _line(frame: FrameType) -> str:
    code, module = frame.f_code, frame.f_globals.get("__name__")
    function = f"{module}.{code.co_qualname}" if isinstance(module, str) else code.co_qualname
    return f"{_clean(function)}\t{_clean(code.co_filename)}:{frame.f_lineno or 0}"


def _clean(text: str) -> str:
    """What Postgres takes as text, in one line."""
    return _UNPRINTABLE.sub("?", text).encode("utf-8", "replace").decode()


class StackAnswers:
    """Answers requests. A failure costs no beat: it is logged once, and the next beat requests the stack again."""

    def __init__(self, store: StackStore) -> None:
        self._store = store
        self._logged: set[ErrorKind] = set()

    def take(self, active: Iterable[RequestedStack]) -> Mapping[Claim, str]:
        """The stacks that the last beat requested; before a job is stopped, so that they show where it hung."""
        stacks = dict[Claim, str]()
        for each in active:
            requested = each.stack_requested and not each.returned.is_set() and len(stacks) < MOST_STACKS
            if requested and each.place is not None and (text := format_stack(each.place.frames())):
                stacks[each.claim] = text
        return stacks

    def send(self, stacks: Mapping[Claim, str], seconds: float) -> None:
        """Send them, in `seconds` at most."""
        if not stacks:
            return
        try:
            self._store.send_stacks(stacks, seconds)
            self._logged.clear()
        except DatabaseError as error:
            if error.kind not in self._logged:
                log.warning("stack not sent; jobs and beats continue: kind=%s error=%s", error.kind, error)
            self._logged.add(error.kind)
