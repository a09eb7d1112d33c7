"""/stuck: which jobs are stuck, why, and what is done with them; which may be, and which evidence is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from riverkeeper.formats import count, count_noun, moment, rfc3339, span
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.forecast import Forecast, forecast_rescue
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.stack import JobStack
from riverkeeper.verdict.verdict import STUCK, SUSPECTED, Reason, StuckJob
from riverkeeper.web.pages.filters import ListError, names_are_known
from riverkeeper.web.pages.job_list import ANSWER_SECONDS, JobListPage, JobQuery
from riverkeeper.web.pages.stack import NO_STACK, ShownStack, show_stack, stack_document, stuck_since
from riverkeeper.web.pages.status import path_problem


@dataclass(frozen=True, slots=True)
class StuckJobs:
    """The jobs that the query selects. `shown` holds the stuck ones of `jobs` that are longest past their limit."""

    shown: tuple[StuckJob, ...]
    jobs: int
    complete: bool  # False: there are more than a scrape keeps by id
    path_ok: bool  # False: the heartbeat path is not verified, so that no missed heartbeat counts
    path_problem: str  # why, where it is known
    now: float
    suspected: tuple[StuckJob, ...] = ()  # may be stuck; as many as are shown of the others at most
    suspects: int = 0  # how many there are
    stacks: Mapping[JobClaim, JobStack] = field(default_factory=dict)  # of those of `shown` whose clients sent one
    stacks_problem: str = ""  # why none can be read

    @property
    def stacked(self) -> list[JobClaim]:
        """The shown jobs whose clients have sent a stack."""
        return [each.job.claim for each in self.shown if each.job.beat and each.job.beat.stack_at is not None]

    def missing(self, suspect: StuckJob) -> str:
        """Which evidence is missing, in a sentence."""
        missing = suspect.verdict.missing
        return (
            missing
            if self.path_ok or suspect.verdict.reason is not Reason.PATH_UNVERIFIED
            else f"{missing}: {self.path_problem}"
        )

    @property
    def none_stuck(self) -> str:
        """The sentence where no job is proven to be stuck. It never claims "none" while nobody can know that."""
        if self.suspects:
            return f"No running job is proven to be stuck, but {suspects_in_words(self.suspects)}."
        if not self.path_ok:
            return f"No running job is known to be stuck, but missed heartbeats do not count now: {self.path_problem}."
        return "No running job is stuck."


class NotJudged(ListError):
    """There are no verdicts to show; the message gives the reason."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message, "see the front page, and `riverkeeper check`")


class StuckPage(JobListPage[tuple[Snapshot, StuckJobs]]):
    """/stuck and /stuck.json: the verdicts of the same scrape that metrics and rescuer use."""

    template = "stuck.html"
    reasons = (*STUCK, *SUSPECTED)

    async def _find(self, query: JobQuery) -> tuple[Snapshot, StuckJobs]:
        snapshot = await self._service.snapshot(ANSWER_SECONDS)
        found = find_stuck_jobs(snapshot, query)
        try:
            stacks = await self._in_time(self._service.stacks(found.stacked)) if found.stacked else {}
            return snapshot, replace(found, stacks=stacks)
        except DatabaseError as error:  # the list is worth more than its stacks
            return snapshot, replace(found, stacks_problem=error.message)

    def _is_empty(self, result: tuple[Snapshot, StuckJobs]) -> bool:
        return not (result[1].jobs or result[1].suspects)

    def _knows(self, scope: Scope, result: tuple[Snapshot, StuckJobs]) -> bool:
        return names_are_known(scope, result[0])

    def _show(self, query: JobQuery, result: tuple[Snapshot, StuckJobs]) -> dict[str, object]:
        (snapshot, found), now = result, result[1].now
        rows = [
            make_row(job, self._forecast(job, snapshot, now), now, stack=stack_of(job, found)) for job in found.shown
        ]
        suspected = [make_row(job, None, now, found.missing(job)) for job in found.suspected]
        status = snapshot.rescuing
        return {"found": found, "rows": rows, "suspected": suspected, "brakes": status.brakes if status else {}}

    def _document(self, query: JobQuery, result: tuple[Snapshot, StuckJobs]) -> dict[str, object]:
        snapshot, found = result
        return document(query, found, lambda job: self._forecast(job, snapshot, found.now))

    def _forecast(self, job: StuckJob, snapshot: Snapshot, now: float) -> Forecast:
        skip_reason = self._service.skip_reason(job.job.claim)
        return forecast_rescue(job, self._service.policy(), snapshot.rescuing, now, skip_reason)


def find_stuck_jobs(snapshot: Snapshot, query: JobQuery) -> StuckJobs:
    """Raises NotJudged."""
    judged, now = snapshot.verdicts, snapshot.now
    if not snapshot.up or judged is None or now is None:
        raise NotJudged(snapshot.error or "running jobs could not be judged in this scrape")
    shown, jobs = _covered(judged.stuck, judged.counts, query)
    suspected, suspects = _covered(judged.suspected, judged.suspected_counts, query)
    return StuckJobs(
        shown, jobs, judged.complete, judged.path_ok_since is not None, path_problem(snapshot), now, suspected, suspects
    )


def suspects_in_words(jobs: int) -> str:
    return f"{count(jobs)} running {'job' if jobs == 1 else 'jobs'} may be"


def _covered(
    jobs: Iterable[StuckJob], counts: Mapping[tuple[str, str, str, str], int], query: JobQuery
) -> tuple[tuple[StuckJob, ...], int]:
    covered = [job for job in jobs if query.scope.covers(job)]
    known = sum(count for key, count in counts.items() if _is_requested(key, query))
    return tuple(covered[: query.limit]), max(known, len(covered))


def _is_requested(key: tuple[str, str, str, str], query: JobQuery) -> bool:
    scope = query.scope
    wanted = (scope.queue, scope.kind, scope.tier, scope.reason)
    return all(filter_ in (None, value) for filter_, value in zip(wanted, key, strict=True))


def document(query: JobQuery, found: StuckJobs, forecast: Callable[[StuckJob], Forecast]) -> dict[str, object]:
    """What /stuck.json and `riverkeeper stuck --json` answer. `forecast`: what stands before a job."""
    return {
        **{name: getattr(query.scope, name) for name in ("queue", "kind", "tier", "reason")},
        "limit": query.limit,
        "now": rfc3339(found.now),
        "found": found.jobs,
        "complete": found.complete,
        "path_ok": found.path_ok,
        "path_why": None if found.path_ok else found.path_problem,
        "jobs": [
            _job(job, forecast(job), found.now) | {"stack": stack_document(found.stacks.get(job.job.claim))}
            for job in found.shown
        ],
        "found_suspected": found.suspects,
        "suspected": [_job(job, None, found.now) | {"missing": found.missing(job)} for job in found.suspected],
    }


def _job(stuck: StuckJob, forecast: Forecast | None, now: float) -> dict[str, object]:
    """`forecast` None: nothing is forecast of a suspected job."""
    job, verdict, beat, limit = stuck.job, stuck.verdict, stuck.job.beat, stuck.verdict.limit
    return {
        "id": job.claim.job_id,
        "attempt": job.claim.attempt,
        "max_attempts": job.max_attempts,
        "queue": job.queue,
        "kind": job.kind,
        "priority": job.priority,
        "tier": verdict.tier,
        "reason": verdict.reason.value,
        "underlying_reason": verdict.underlying.value if verdict.underlying else None,
        "client_id": job.client_id,
        "claimed_at": rfc3339(job.claimed_at),
        "age_seconds": now - job.claimed_at,
        "last_beat_at": rfc3339(beat.beat_at) if beat else None,
        "progress_at": rfc3339(beat.progress_at) if beat else None,
        "progress": beat.progress if beat else None,
        "stack_requested_at": rfc3339(beat.stack_requested_at) if beat else None,
        "note": beat.note if beat else None,
        "value_seconds": verdict.value,
        "limit_name": limit.name.value if limit else None,
        "limit_seconds": limit.seconds if limit else None,
        "limit_origin": limit.origin if limit else None,
        "rescues_in_a_day": job.rescues,
        "terminated": job.terminated.sentence if job.terminated else None,
        "no_evidence": job.no_evidence or None,
    } | _plan(forecast)


def _plan(forecast: Forecast | None) -> dict[str, object]:
    if forecast is None:
        return {}
    return {
        "act": forecast.act.value if forecast.act else None,
        "plan": forecast.plan,
        "held_by": list(forecast.held_by),
    }


@dataclass(frozen=True, slots=True)
class StuckRow:
    """A stuck job as the table shows it."""

    stuck: StuckJob
    forecast: Forecast | None  # None: of a suspected job, with which nothing is done
    age: str
    claimed: Mapping[str, str | None]  # `at` RFC 3339, `words`
    beat: str
    progress: str
    against: str  # which value against which limit
    held: tuple[str, ...]  # why nothing is done now; of brakes only the name, since they hold every job
    missing: str = ""  # of a suspected job: the evidence that is missing
    stack: ShownStack = NO_STACK


def stack_of(stuck: StuckJob, found: StuckJobs) -> ShownStack:
    """Where a job hangs, as far as its client has sent it."""
    stack, since = found.stacks.get(stuck.job.claim), stuck_since(stuck, found.now)
    return show_stack(stack, stuck.job.beat, found.now, since, found.stacks_problem)


def make_row(
    stuck: StuckJob,
    forecast: Forecast | None,
    now: float,
    missing: str = "",
    stack: ShownStack = NO_STACK,
) -> StuckRow:
    """`now` is the database's."""
    job = stuck.job
    claimed = {"at": rfc3339(job.claimed_at), "words": moment(job.claimed_at)}
    return StuckRow(
        stuck,
        forecast,
        age=span(now - job.claimed_at),
        claimed=claimed,
        beat=_beat(stuck, now),
        progress=_progress(stuck, now),
        against="; ".join(_against(stuck)),
        held=tuple(map(_short, forecast.held_by if forecast else ())),
        missing=missing,
        stack=stack,
    )


def _short(sentence: str) -> str:
    return sentence.partition(":")[0] if sentence.startswith("brake ") else sentence


def _beat(stuck: StuckJob, now: float) -> str:
    beat = stuck.job.beat
    if beat is None:
        return "never"
    return f"{span(now - beat.beat_at)} ago{' (metadata)' if beat.by_metadata else ''}"


def _progress(stuck: StuckJob, now: float) -> str:
    beat = stuck.job.beat
    if beat is None or beat.progress_at is None:
        return "not reported"
    share = "" if beat.progress is None else f"{beat.progress:.0%}, "
    return f"{share}{span(now - beat.progress_at)} ago"


def _against(stuck: StuckJob) -> Iterator[str]:
    limit, value = stuck.verdict.limit, stuck.verdict.value
    if stuck.verdict.is_of(Reason.WORKER_DEAD) and stuck.job.terminated is not None:
        yield stuck.job.terminated.sentence
    elif limit is not None and value is not None:
        yield f"{span(value)}, {limit.name.value} limit {span(limit.seconds)}: {limit.origin}"
    if stuck.job.rescues:
        yield f"rescued {count_noun(stuck.job.rescues, 'time')} in a day"
    if stuck.job.no_evidence:
        yield f"no proof from Kubernetes: {stuck.job.no_evidence}"
