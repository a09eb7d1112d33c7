"""One job in words: how it is, why, and what happens next and when. For the page and the command."""

from __future__ import annotations

from collections.abc import Iterator

from riverkeeper.evidence.pods import EndCause
from riverkeeper.formats import moment, span
from riverkeeper.scrape.job_life import JobLife
from riverkeeper.verdict.changes import Course, VerdictChange
from riverkeeper.verdict.verdict import LimitName, Reason, Verdict

FINAL = frozenset({"completed", "cancelled", "discarded"})
REASON_WORDS = {
    Reason.OK: "healthy",
    Reason.UNKNOWN: "nothing is known of its worker",
    Reason.WORKER_DEAD: "its worker is dead: its process has ended",
    Reason.WORKER_LOST: "its worker is lost: no heartbeat came",
    Reason.ABANDONED: "its worker gave it up, and no result came",
    Reason.ORPHANED: "its worker's process is alive and does not beat for it",
    Reason.HUNG: "it hangs: its worker beats, and no progress is reported",
    Reason.OVER_BUDGET: "it runs longer than its limit",
    Reason.RESCUE_LOOP: "it was rescued too often in a day",
    Reason.PATH_UNVERIFIED: "no heartbeat came, and it is not verified that heartbeats can come",
    Reason.BEATS_MISSING: "no heartbeat came, and River saw its client at work",
    Reason.WORKER_SUSPECT: "its client seems to be gone",
}
_CONDITIONS = {
    Course.NO_BEAT: "if no heartbeat comes until then",
    Course.NO_PROGRESS: "if no progress is reported until then",
    Course.ALL_WELL: "",
}


def headline(life: JobLife) -> str:
    """How the job is, in a few words."""
    row, verdict = life.facts.row, life.verdict
    if row is None:
        return "River's table has no such job"
    if row.state != "running":
        return row.state
    if verdict is None:
        return "running, not judged"
    if verdict.reason is Reason.OK:
        return "running, healthy"
    kind = "stuck" if verdict.reason.is_stuck else "may be stuck" if verdict.reason.is_suspected else "running"
    return f"{kind}: {REASON_WORDS[verdict.reason]}"


def urgency(life: JobLife) -> str:
    """Which box it stands in: good, fair, bad or plain."""
    row, verdict = life.facts.row, life.verdict
    if row is None or row.state in {"cancelled", "pending"}:
        return "plain"
    if row.state == "discarded":
        return "bad"
    if row.state == "running":
        if verdict is None or not (verdict.reason.is_stuck or verdict.reason is Reason.OK):
            return "fair"
        return "good" if verdict.reason is Reason.OK else "bad"
    return "good" if row.state == "completed" else "plain"


def explain(life: JobLife) -> Iterator[str]:
    """Why it is so: the value against its limit, and the evidence that is missing."""
    verdict = life.verdict
    yield from _explain_kills(life)
    if life.not_judged:
        yield f"Its verdict is not known: {life.not_judged}."
    if verdict is None:
        return
    if verdict.underlying is not None:
        yield f"The reason now: {REASON_WORDS[verdict.underlying]} ({verdict.underlying})."
    if (against := describe_value(verdict)) is not None:
        yield against
    if verdict.missing:
        yield f"Missing evidence: {verdict.missing}."
    if verdict.reason is Reason.UNKNOWN:
        yield _explain_unknown(life)


REPEATED = 2  # kills: one may be the fault of another job in the same process


def _explain_kills(life: JobLife) -> Iterator[str]:
    """Whether the job may be what kills its workers, by the audit of its rescues."""
    row = life.facts.row
    if row is None or row.state in FINAL:
        return
    killed = {record.attempt for record in life.facts.rescues or () if record.cause == EndCause.OOM_KILLED}
    if len(killed) >= REPEATED:
        yield (
            f"{len(killed)} of its workers were killed because they used more memory than their limit (OOMKilled): "
            "the next one may be killed too. Does its kind need more memory?"
        )


def describe_value(verdict: Verdict) -> str | None:
    """The value that passed the limit, and where the limit comes from."""
    if verdict.limit is None or verdict.value is None:
        return None
    if verdict.limit.name is LimitName.PROCESS:  # no age: the proof itself
        return f"{verdict.limit.origin[0].upper()}{verdict.limit.origin[1:]}, {span(verdict.value)} ago."
    what = {
        LimitName.HEARTBEAT: "without a heartbeat",
        LimitName.PROGRESS: "without progress",
        LimitName.RUN: "running",
        LimitName.RESULT: "since its worker reported the end",
    }.get(verdict.limit.name, "")
    return f"{span(verdict.value)} {what}; the limit is {span(verdict.limit.seconds)} ({verdict.limit.origin})."


def _explain_unknown(life: JobLife) -> str:
    running = life.facts.running
    if running is not None and running.beat is not None and running.beat.lost_at is not None:
        return "A rescue has taken this claim already, and the job's row still shows it as running."
    return (
        "Neither the job nor a process of its client beats, so a dead worker looks like a busy one. Heartbeats "
        "would show the difference."
    )


def list_next(life: JobLife) -> list[str]:
    """What happens next, and when; the first sentence is the answer."""
    return [*_next(life)]


def _next(life: JobLife) -> Iterator[str]:
    row, now = life.facts.row, life.facts.now
    if row is None:
        yield "Nothing: a job that is not in the table is not worked."
    elif row.state in FINAL:
        yield f"Nothing: the job is {row.state}."
    elif row.state == "running":
        yield from _next_of_running(life)
    elif row.state == "pending":
        yield "It waits until the program that inserted it releases it."
    elif row.scheduled_at > now:
        yield f"The next attempt may begin at {at_moment(row.scheduled_at, now)}."
        yield from _paused(life)
    elif row.state == "available":
        yield f"A worker of queue {row.queue} takes it; it has been due for {span(now - row.scheduled_at)}."
        yield from _paused(life)
    else:
        yield f"River's leader makes it available; it has been due for {span(now - row.scheduled_at)}."
        yield from _paused(life)


def _paused(life: JobLife) -> Iterator[str]:
    if life.queue_paused and life.facts.row is not None:
        yield f"But queue {life.facts.row.queue} is paused: no worker takes a job from it until it is resumed."


def _next_of_running(life: JobLife) -> Iterator[str]:
    verdict, now = life.verdict, life.facts.now
    if verdict is None:
        yield "Not known: the job was not judged."
        return
    if life.forecast is not None:
        yield from _plan(life)
        if life.forecast.act is not None:
            return  # what it would be called later does not matter: it is acted on before
    elif verdict.reason.is_suspected:
        yield "Riverkeeper does nothing until the missing evidence has come."
    else:
        yield "Nothing: it is healthy." if verdict.reason is Reason.OK else "Riverkeeper does nothing."
    for change in life.changes:
        if (sentence := describe_change(change, now)) is not None:
            yield sentence
    if not life.changes and life.forecast is None:
        yield "No limit is known that it could pass."


def _plan(life: JobLife) -> Iterator[str]:
    forecast = life.forecast
    if forecast is None:
        return
    if forecast.act is None:
        yield "Riverkeeper does nothing: an operator has to decide."
        yield from (f"The reason: {sentence}." for sentence in forecast.held_by)
        yield f"To decide: `riverkeeper rescue run {life.facts.job_id}` shows what a rescue would do."
        return
    when = "It waits" if forecast.held_by else "At the next pass of the rescuer, within seconds"
    yield f"{when}: {forecast.plan}." if not forecast.held_by else f"The rescuer would {forecast.plan}."
    yield from (f"It is held: {sentence}." for sentence in forecast.held_by)


def describe_change(change: VerdictChange, now: float) -> str | None:
    """A change ahead: its moment, what the job is called then, and on which condition. None: nothing would be known."""
    reason = change.verdict.reason
    if reason is Reason.UNKNOWN:
        return None
    condition = _CONDITIONS[change.course]
    tail = f", {condition}" if condition else ""
    when = at_moment(change.at, now)
    if reason is Reason.OK:
        return f"At {when} it is healthy again{tail}."
    if reason is Reason.OVER_BUDGET and change.verdict.limit is not None:
        return f"At {when} it reaches the limit of its run, {span(change.verdict.limit.seconds)}: {reason}."
    word = "suspected" if reason.is_suspected else "called"
    return f"At {when} it is {word} {reason}{tail}."


def at_moment(at: float, now: float) -> str:
    """A moment ahead: as time of the day and as distance."""
    return f"{moment(at)} (in {span(at - now)})"
