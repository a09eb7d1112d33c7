"""The stack of a job as pages and commands show it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.formats import rfc3339, span
from riverkeeper.verdict.job import Beat
from riverkeeper.verdict.stack import JobStack, missing_stack
from riverkeeper.verdict.verdict import Reason, StuckJob

NOT_SHOWN = "sent, but not shown here"


@dataclass(frozen=True, slots=True)
class ShownStack:
    """Where the work of a job stood; or, with no text, why there is no stack."""

    where: str = ""  # in one line
    seen: str = ""  # when that was, and for how long the job has been stuck
    text: str = ""
    is_cut: bool = False
    missing: str = ""
    is_past: bool = False  # the attempt has ended


NO_STACK = ShownStack()  # nobody requested one


def show_stack(stack: JobStack | None, beat: Beat | None, now: float, since: str = "", problem: str = "") -> ShownStack:
    """`now` is the database's clock; `since`: for how long the job is stuck; `problem`: why no stack can be read."""
    missing = missing_stack(beat, now)
    if stack is None:
        sent = beat is not None and beat.stack_at is not None
        return ShownStack(missing=missing or (problem or NOT_SHOWN if sent else ""))
    seen = f"seen there {span(max(0.0, now - stack.taken_at))} ago"
    parts = [seen, since, f"a new stack: {missing}" if missing else ""]
    return ShownStack(stack.where, "; ".join(filter(None, parts)), stack.text, stack.is_cut)


def stuck_since(stuck: StuckJob, now: float) -> str:
    """For how long the job has shown no progress, or has run."""
    beat = stuck.job.beat
    if stuck.verdict.reason is Reason.HUNG and beat is not None and beat.progress_at is not None:
        return f"no progress for {span(now - beat.progress_at)}"
    return f"running for {span(now - stuck.job.claimed_at)}"


def stack_document(stack: JobStack | None) -> Mapping[str, object] | None:
    """The stack in JSON."""
    if stack is None:
        return None
    return {"at": rfc3339(stack.taken_at), "where": stack.where, "text": stack.text, "complete": not stack.is_cut}
