"""The stack of a job's work, as its client sent it (clients/CONTRACT.md, "Stacks"): frames, and where it hangs. Pure.

The text comes from a worker's login. A line that is no frame is shown as it is, and nothing here fails on any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from riverkeeper.formats import span
from riverkeeper.verdict.job import Beat
from riverkeeper.verdict.verdict import Reason, StuckJob

ANSWER_BEATS = 1.5  # a beat brings the request within one interval, and its tick ends within a half more
STACKED = frozenset({Reason.HUNG, Reason.OVER_BUDGET})  # their worker lives, and the question is what it does

# The packages of Go's standard library, by the first part of their names. A program's own package may have no dot in
# its path either.
_GO_STANDARD = re.compile(
    "archive|bufio|bytes|cmp|compress|container|context|crypto|database|debug|embed|encoding|errors|expvar|flag|fmt|go|"
    "hash|html|image|index|internal|io|iter|log|maps|math|mime|net|os|path|plugin|reflect|regexp|runtime|slices|sort|"
    "strconv|strings|structs|sync|syscall|testing|text|time|unicode|unique|unsafe|vendor|weak"
)
_GO_RUNTIME = ("runtime.", "runtime/", "internal/", "syscall.", "sync.runtime_")
_GO_OTHERS = ("github.com/riverqueue/", "github.com/riverkeeper/")
_OTHERS = re.compile(r"/pkg/mod/|@v\d|/vendor/|/(site|dist)-packages/|/lib/python3|^<frozen |/riverkeeper/heartbeat/")
_LONGEST_NAME = 120  # characters of a function in a sentence; a generic one may have thousands


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A call. Of a line that is no frame, `function` is the line."""

    function: str
    file: str = ""
    line: int | None = None

    @property
    def place(self) -> str:
        """The file without its folders, and the line."""
        name = re.split(r"[/\\]", self.file)[-1]
        return f"{name}:{self.line}" if self.file else ""

    @property
    def is_go(self) -> bool:
        return self.file.endswith((".go", ".s"))

    @property
    def is_runtime(self) -> bool:
        """Part of the language's runtime, which says nothing about a job."""
        return (self.is_go and self.function.startswith(_GO_RUNTIME)) or self.file.startswith("<frozen ")

    @property
    def is_own(self) -> bool:
        """Code of the program itself: neither the runtime nor a library."""
        if not self.file or _OTHERS.search(self.file):
            return False
        if not self.is_go:
            return True
        return not self.function.startswith(_GO_OTHERS) and not _is_standard(self.function)

    @property
    def name(self) -> str:
        """The function without the path of its package, which a standard package keeps."""
        name = self.function
        if self.is_go and not _is_standard(name):
            path = re.split(r"[\[(]", name, maxsplit=1)[0].rpartition("/")[0]
            name = (name[len(path) + 1 :] if path else name).replace("%2e", ".")
        return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _is_standard(function: str) -> bool:
    """Whether a Go function is of the standard library, by the first part of the path of its package."""
    return _GO_STANDARD.fullmatch(re.split(r"[/.]", function, maxsplit=1)[0]) is not None


@dataclass(frozen=True, slots=True)
class StackThread:
    """The frames of one thread, goroutine or task, the innermost first."""

    frames: tuple[StackFrame, ...]
    heading: str = ""


def parse_stack(text: str) -> tuple[StackThread, ...]:
    """The threads of a stack, the one of the work first."""
    found, lines = list[StackThread](), list[str]()
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append(line)
        elif lines:
            found.append(_parse_thread(lines))
            lines = []
    return tuple(found)


def _parse_thread(lines: list[str]) -> StackThread:
    heading = lines[0].removesuffix(":") if len(lines) > 1 and lines[0].endswith(":") and "\t" not in lines[0] else ""
    return StackThread(tuple(map(_parse_frame, lines[1:] if heading else lines)), heading)


def _parse_frame(line: str) -> StackFrame:
    function, tab, place = line.partition("\t")
    file, colon, number = place.rpartition(":")
    if not (tab and colon and function and file and number.isascii() and number.isdecimal() and len(number) < 10):
        return StackFrame(line.strip())
    return StackFrame(function, file, int(number))


def where(text: str) -> str:
    """Where the work stands: what it waits in, and the program's own code that called it. Empty for no frame.

    Such as `net/http.(*Transport).roundTrip ← billing.Charge billing.go:88`.
    """
    threads = parse_stack(text)
    return _where(threads[0].frames) if threads else ""


def _where(frames: Iterable[StackFrame]) -> str:
    visible = [frame for frame in frames if not frame.is_runtime] or [*frames]
    if not visible:
        return ""
    top, own = visible[0], next((frame for frame in visible if frame.is_own), None)
    called_by = own or top
    sentence = f"{called_by.name} {called_by.place}".strip()
    return sentence if called_by is top else f"{top.name} ← {sentence}"


@dataclass(frozen=True, slots=True)
class JobStack:
    """The stack of a claim's work, as its client sent it."""

    text: str
    taken_at: float  # the database's clock
    is_cut: bool = False  # the text is the begin of a longer one

    @property
    def where(self) -> str:
        """Where the work stood, in one line."""
        return where(self.text)


def is_answered(beat: Beat) -> bool:
    """Whether the client has answered the last request for a stack."""
    return beat.stack_at is not None and (beat.stack_requested_at is None or beat.stack_at >= beat.stack_requested_at)


def wants_stack(stuck: StuckJob, now: float) -> bool:
    """Whether a stack of this job is to be requested: none was since it is stuck, and none is on its way."""
    beat, verdict = stuck.job.beat, stuck.verdict
    if beat is None or beat.by_metadata or (verdict.underlying or verdict.reason) not in STACKED:
        return False
    if beat.stack_requested_at is None:
        return True
    return is_answered(beat) and (beat.stack_at or 0.0) < now - (verdict.stuck_for or 0.0)


def answer_wait(beat: Beat) -> float:
    """Seconds after a request within which a client that answers has answered."""
    return ANSWER_BEATS * beat.interval


def missing_stack(beat: Beat | None, now: float) -> str:
    """Why there is no answer to a request, in a sentence; empty where there is one, or where nobody requested any."""
    if beat is None or beat.by_metadata or beat.stack_requested_at is None or is_answered(beat):
        return ""
    since = span(max(0.0, now - beat.stack_requested_at))
    if now - beat.stack_requested_at <= answer_wait(beat):
        return f"requested {since} ago; the next beat brings it"
    if beat.beat_at > beat.stack_requested_at:
        return f"requested {since} ago; its client has beaten since and sent none"
    return f"requested {since} ago; its worker has not beaten since"
