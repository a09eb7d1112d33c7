"""One job's life: what happened to it in the order of time, its verdict, and when that changes.

The verdict is that of `judge`, with the limits and the heartbeat path of the last scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.config.policy import Policy
from riverkeeper.formats import span
from riverkeeper.rescue.audit.history import AuditRecord
from riverkeeper.rescue.forecast import Forecast, forecast_rescue
from riverkeeper.rescue.supervisor.rescue_pass import PassInput
from riverkeeper.scrape.job_facts import ClaimBeats, JobFacts, JobRow, with_fence
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.changes import VerdictChange, find_changes
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limits, Reason, StuckJob, Verdict, VerdictSummary

LATER_CLAIM = 1e-3  # seconds by which two moments of one claim may differ: some are floats of the audit


class EventKind(StrEnum):
    """What happened; the drawing has a sign for each."""

    CLAIM = "claim"
    BEAT = "beat"
    PROGRESS = "progress"
    CHECKPOINT = "checkpoint"
    STACK = "stack"
    SILENCE = "silence"  # no beat since then
    STOP = "stop"
    RESCUE = "rescue"
    DRY_RUN = "dry_run"
    LATE_RESULT = "late_result"
    ERROR = "error"
    END = "end"  # of the work of one attempt, or of the job
    NOW = "now"
    AHEAD = "ahead"  # what comes, if nothing changes


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One event. `at`: Unix seconds of the database's clock, unless `by_worker`: the clock of the worker's host."""

    at: float
    kind: EventKind
    text: str
    attempt: int | None = None
    by_worker: bool = False


@dataclass(frozen=True, slots=True)
class JobLife:
    """All that a page shows of one job."""

    facts: JobFacts
    events: tuple[LifeEvent, ...]
    tier: str | None
    limits: Limits | None = None  # of the running job
    verdict: Verdict | None = None  # None: it does not run, or was not judged
    not_judged: str = ""  # why a running job has no verdict
    forecast: Forecast | None = None  # of a stuck job
    changes: tuple[VerdictChange, ...] = ()
    queue_paused: bool = False

    @property
    def stuck(self) -> StuckJob | None:
        running, verdict = self.facts.running, self.verdict
        return StuckJob(running, verdict) if running and verdict and verdict.reason.is_stuck else None


def compose_life(facts: JobFacts, snapshot: Snapshot, policy: Policy, skip_reason: str | None = None) -> JobLife:
    """The life of a job by the facts about it and a scrape. `skip_reason`: why the last rescue pass skipped it."""
    row = facts.row
    if row is None:
        return JobLife(facts, list_events(facts, ()), None)
    tier = tier_of(policy, row.queue, row.kind, row.priority)
    paused = any(queue.name == row.queue and queue.paused for queue in snapshot.queues or ())
    life = JobLife(facts, (), tier.name, queue_paused=paused)
    if facts.running is not None:
        life = _judge(life, facts.running, snapshot, policy, skip_reason)
    return replace(life, events=list_events(life.facts, life.changes))


def _judge(life: JobLife, running: RunningJob, snapshot: Snapshot, policy: Policy, skip_reason: str | None) -> JobLife:
    judged, now = snapshot.verdicts, life.facts.now
    if judged is None:
        return replace(life, not_judged=snapshot.error or "running jobs could not be judged in the last scrape")
    facts = with_fence(life.facts, in_force=snapshot.fence is not None and snapshot.fence.in_force)
    running = _as_scraped(facts.running or running, judged)
    tier = tier_of(policy, running.queue, running.kind, running.priority)
    limits = PassInput.from_verdicts(now, 0.0, judged).limits(policy, tier, running.kind)
    verdict = judge(running, policy, limits, now, judged.path_ok_since)
    stuck = StuckJob(running, verdict)
    is_stuck = verdict.reason.is_stuck
    return replace(
        life,
        facts=replace(facts, running=running),
        limits=limits,
        verdict=verdict,
        forecast=forecast_rescue(stuck, policy, snapshot.rescuing, now, skip_reason) if is_stuck else None,
        changes=find_changes(running, policy, limits, now, judged.path_ok_since),
    )


def _as_scraped(job: RunningJob, judged: VerdictSummary) -> RunningJob:
    """With what only a scrape knows of its client, where the scrape has listed the job."""
    same = next((each.job for each in (*judged.stuck, *judged.suspected) if each.job.claim == job.claim), None)
    if same is None:
        return job
    return replace(
        job,
        suspect_since=same.suspect_since,
        seen_at=same.seen_at,
        claimed_before=same.claimed_before,
        terminated=same.terminated,
        no_evidence=same.no_evidence,
    )


def list_events(facts: JobFacts, changes: Iterable[VerdictChange]) -> tuple[LifeEvent, ...]:
    """In the order of time. Events that carry another clock stand where that clock puts them."""
    events = [
        *_claims(facts),
        *(event for each in facts.beats or () for event in _beats(each, facts)),
        *_rescues(facts.rescues or ()),
        *(
            LifeEvent(each.at, EventKind.LATE_RESULT, f"a late result ({each.outcome}) came and was dropped")
            for each in facts.late or ()
        ),
        *_checkpoint(facts),
        *(
            LifeEvent(stack.taken_at, EventKind.STACK, f"its worker sent its stack: {stack.where}", claim.attempt)
            for claim, stack in facts.stacks.items()
        ),
        *_errors(facts),
        *_end_of_job(facts.row),
        LifeEvent(facts.now, EventKind.NOW, "now"),
        *_ahead(facts, changes),
    ]
    return tuple(sorted(events, key=lambda event: event.at))


def _claims(facts: JobFacts) -> Iterator[LifeEvent]:
    """Each claim once: the newest is in the job's row, earlier ones are in heartbeats and in the audit."""
    claims: dict[int, LifeEvent] = {}
    row = facts.row
    for record in facts.rescues or ():
        at = record.evidence.get("claimed_at")
        if isinstance(at, float | int):
            client = record.evidence.get("client_id")
            claims[record.attempt] = _claim(float(at), record.attempt, str(client) if client else None)
    for each in facts.beats or ():
        claims.setdefault(each.attempt, _claim(each.claimed_at, each.attempt, None))
    if row is not None and row.claimed_at is not None:
        own = facts.workers.claims_by_own_clock(row.client_id)
        claims[row.attempt] = replace(_claim(row.claimed_at, row.attempt, row.client_id), by_worker=own)
    yield from claims.values()


def _claim(at: float, attempt: int, client: str | None) -> LifeEvent:
    by = f" by {client}" if client else ""
    return LifeEvent(at, EventKind.CLAIM, f"attempt {attempt} claimed{by}", attempt)


def _beats(claim: ClaimBeats, facts: JobFacts) -> Iterator[LifeEvent]:
    beat, attempt = claim.beat, claim.attempt
    if beat.interval > 0:  # a tombstone has none: the claim never beat
        if beat.first_at is not None:
            yield LifeEvent(beat.first_at, EventKind.BEAT, "first heartbeat", attempt)
        yield LifeEvent(beat.beat_at, EventKind.BEAT, f"last heartbeat (every {beat.interval:g} s)", attempt)
    if beat.progress_at is not None:
        share = "" if beat.progress is None else f" {beat.progress:.0%}"
        yield LifeEvent(
            beat.progress_at, EventKind.PROGRESS, f"last progress report:{share or ' without a share'}", attempt
        )
    if beat.stop_requested_at is not None:
        yield LifeEvent(beat.stop_requested_at, EventKind.STOP, "its worker was requested to stop", attempt)
    if beat.ended_at is not None:
        yield LifeEvent(
            beat.ended_at, EventKind.END, f"its worker reported the end of its work: {beat.outcome}", attempt
        )
    runs = facts.running is not None and facts.running.claim.attempted_at == claim.attempted_at
    missed = facts.now - beat.beat_at
    if runs and beat.ended_at is None and missed > 2 * beat.interval:
        yield LifeEvent(
            beat.beat_at + beat.interval, EventKind.SILENCE, f"no heartbeat since: {span(missed)} by now", attempt
        )


def _rescues(records: Iterable[AuditRecord]) -> Iterator[LifeEvent]:
    for record in records:
        kind = EventKind.DRY_RUN if record.dry_run else EventKind.STOP if record.action == "stop" else EventKind.RESCUE
        yield LifeEvent(record.at, kind, describe_rescue(record), record.attempt)


def describe_rescue(record: AuditRecord) -> str:
    """The act of one row of the audit, with its reason and who requested it."""
    done = f"dry run: would {record.action}" if record.dry_run else f"Riverkeeper: {record.action}"
    after = f" → {record.state_after}" if record.state_after else ""
    why = f" ({record.limit_sentence})" if record.limit_sentence else ""
    work = f"; {record.work_sentence}" if record.work_sentence else ""
    return f"{done}{after}, because {record.reason}{why}; requested by {record.woken_by}{work}"


def _checkpoint(facts: JobFacts) -> Iterator[LifeEvent]:
    saved = facts.checkpoint
    if saved is not None:
        yield LifeEvent(saved.saved_at, EventKind.CHECKPOINT, "newest checkpoint saved", saved.attempt)
    for claim in facts.resumed:
        text = f"this attempt resumed from the checkpoint of attempt {claim.saved_by}"
        yield LifeEvent(claim.claimed_at, EventKind.CHECKPOINT, text)


def _errors(facts: JobFacts) -> Iterator[LifeEvent]:
    """River dates a failure by the start of its attempt, by the worker's clock; a rescue by its own time.

    A client that reported the end of the attempt's work has dated it better.
    """
    ended = {each.attempt: each.beat.ended_at for each in facts.beats or () if each.beat.ended_at is not None}
    for error in facts.row.errors if facts.row else ():
        failure = error.failure
        if failure.at is None or failure.is_riverkeeper_rescue:
            continue  # the audit has it
        first_line = failure.text.partition("\n")[0][:120]
        if failure.attempt in ended and not failure.is_rescue:
            at = ended[failure.attempt]
            yield LifeEvent(at, EventKind.ERROR, f"attempt {failure.attempt} failed: {first_line}", failure.attempt)
            continue
        what = "River's own rescuer ended" if failure.is_rescue else "began"
        text = f"attempt {failure.attempt} {what}" + ("" if failure.is_rescue else f", and failed: {first_line}")
        yield LifeEvent(failure.at, EventKind.ERROR, text, failure.attempt, by_worker=not failure.is_rescue)


def _end_of_job(row: JobRow | None) -> Iterator[LifeEvent]:
    if row is not None and row.finalized_at is not None:
        yield LifeEvent(row.finalized_at, EventKind.END, f"the job is {row.state}")


def _ahead(facts: JobFacts, changes: Iterable[VerdictChange]) -> Iterator[LifeEvent]:
    row = facts.row
    if row is not None and row.state in {"available", "retryable", "scheduled"} and row.scheduled_at > facts.now:
        yield LifeEvent(row.scheduled_at, EventKind.AHEAD, "the next attempt may begin")
    for change in changes:
        if change.verdict.reason not in {Reason.OK, Reason.UNKNOWN}:
            yield LifeEvent(change.at, EventKind.AHEAD, describe_change(change))


def describe_change(change: VerdictChange) -> str:
    """What the job is called then, and on which condition."""
    condition = {"no_beat": ", if no heartbeat comes", "no_progress": ", if no progress is reported", "all_well": ""}
    word = "suspected" if change.verdict.reason.is_suspected else "called"
    return f"{word} {change.verdict.reason}{condition[change.course.value]}"
