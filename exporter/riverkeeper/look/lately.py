"""Problems of the last hours and days, as far as River's table keeps them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from riverkeeper.formats import count_noun, span
from riverkeeper.look.finding import Certainty, Finding, ReportPart, describe_jobs, find_in_jobs, join_names
from riverkeeper.look.present import Present, WorkedKind
from riverkeeper.look.traces import JobTrace

LOOP_SNOOZES = 100  # a job with this many snoozes waits for an event that does not come
STOPPED_JOBS = 3  # this many interrupted jobs of one client: its process was stopped
NEAR_LAST = 1  # attempts left
KNOWN_RUNS = 10  # completed first attempts that tell how short a run of the kind can be


@dataclass(frozen=True, slots=True)
class Standstill:
    """The time without progress until River's rescuer took the job, in seconds."""

    seconds: float
    exact: bool  # False: at most this long; the table has lost the time of the claim


def findings_lately(present: Present) -> Iterator[Finding]:
    """Findings about the past, the gravest first."""
    jobs = present.traces.jobs
    yield from find_unknown_kinds(jobs)
    yield from find_worked_twice(jobs)
    yield from find_early_ends(jobs, present.worked)
    checks: tuple[Callable[[Sequence[JobTrace]], Iterable[Finding]], ...] = (
        find_rescued,
        find_interrupted,
        find_discarded,
        find_close_to_discard,
        find_duplicates,
        find_snoozed,
    )
    for check in checks:
        yield from check(jobs)


def find_unknown_kinds(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """River's leader discards a stuck job of a kind that it does not know, also with attempts left."""
    found = [
        job
        for job in jobs
        if job.state == "discarded"
        and job.attempts_left
        and job.last_failure
        and job.last_failure.is_rescue
        and not job.conflict  # else the scheduler discarded it later
    ]
    if found:
        yield find_in_jobs(
            found,
            "unknown_kind_discarded",
            ReportPart.LATELY,
            f"{describe_jobs(found, 'stuck job')} discarded with attempts left",
            "River's rescuer wrote the last error, the state is discarded, and attempts were left:"
            f" {_attempts(found)}. River's leader does so for a kind that it has no worker for.",
            Certainty.LIKELY,
            "Register every kind in every client that can lead, or give each application its own schema."
            " Retry these jobs yourself.",
        )


def find_worked_twice(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """An attempt that reported a result after its rescue was alive at the rescue."""
    found = [job for job in jobs if reported_after_rescue(job)]
    if found:
        yield find_in_jobs(
            found,
            "worked_twice",
            ReportPart.LATELY,
            f"{describe_jobs(found)} rescued while the worker was alive",
            "After the rescue, the rescued attempt reported a result of its own: an error, a snooze or its success.",
            Certainty.PROVEN,
            "Two attempts may have worked at the same time: check these jobs for double effects."
            " Heartbeats tell a slow worker from a dead worker.",
        )


def find_early_ends(jobs: Sequence[JobTrace], worked: Iterable[WorkedKind]) -> Iterator[Finding]:
    """The success of a rescued attempt ends the row of the next attempt, which then seems to be much too short."""
    shortest = {
        (row.queue, row.kind): row.shortest for row in worked if row.shortest and row.first_attempts >= KNOWN_RUNS
    }
    found = [job for job in jobs if _ended_early(job, shortest.get((job.queue, job.kind)))]
    if found:
        yield find_in_jobs(
            found,
            "completed_too_soon",
            ReportPart.LATELY,
            f"{describe_jobs(found)} completed suspiciously soon after a rescue",
            "The attempt after the rescue took less than half of the shortest run of its kind.",
            Certainty.POSSIBLE,
            "The rescued worker may have been alive, and its late success may have ended the next attempt's row: then"
            " both did the work. A worker that notices that the work is done looks the same.",
        )


def find_rescued(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """By kind, the most jobs first: how many, what River's rescuer did, and how long they had made no progress."""
    by_kind: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        if count_river_rescues(job):
            by_kind[job.kind].append(job)
    for kind, rescued in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        times = sum(count_river_rescues(job) for job in rescued)
        outcomes = Counter(outcome_of_rescue(job) for job in rescued)
        yield find_in_jobs(
            rescued,
            "rescued_by_river",
            ReportPart.LATELY,
            f"River's rescuer took {count_noun(len(rescued), f'{kind} job')}{_describe_standstill(rescued)}",
            f"{count_noun(times, 'rescue')}, by metadata.river:rescue_count. Last outcomes:"
            f" {_describe_counts(outcomes)}. The jobs are now:"
            f" {_describe_counts(Counter(job.state for job in rescued))}." + _describe_next_attempt(rescued),
            Certainty.PROVEN,
            "Their workers died or hung, or ran longer than River's limit.",
        )


def _describe_standstill(rescued: Sequence[JobTrace]) -> str:
    known = [still for job in rescued if (still := standstill_of(job)) is not None]
    exact = [still.seconds for still in known if still.exact]
    if exact:
        return f", {span(median(exact))} after their claim (median; the longest {span(max(exact))})"
    return f", at most {span(max(still.seconds for still in known))} after their claim" if known else ""


def _describe_next_attempt(rescued: Sequence[JobTrace]) -> str:
    """How long after the rescue the next attempt began, where it is the newest."""
    waits = [
        job.attempted_at - rescue.at
        for job in rescued
        if (rescue := job.last_rescue) is not None
        and rescue.at is not None
        and rescue.attempt is not None
        and job.attempted_at is not None
        and job.attempt == rescue.attempt + 1
    ]
    return f" The next attempt began {span(max(0.0, median(waits)))} after the rescue (median)." if waits else ""


def find_interrupted(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Many interrupted jobs of one client: its process was stopped, and each job lost an attempt."""
    by_client: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        for failure in job.failures:
            if failure.is_interrupted and (client := job.client_of(failure.attempt)):
                by_client[client].append(job)
    stopped = {client: found for client, found in by_client.items() if len(found) >= STOPPED_JOBS}
    if stopped:
        found = [job for jobs_of_client in stopped.values() for job in jobs_of_client]
        yield find_in_jobs(
            found,
            "attempts_lost_to_deploys",
            ReportPart.LATELY,
            f"{count_noun(len(found), 'attempt')} lost in {count_noun(len(stopped), 'stop')} of worker processes",
            f"Jobs of {join_names(job.kind for job in found)} were interrupted, {STOPPED_JOBS} or more of one client.",
            Certainty.LIKELY,
            "Set SoftStopTimeout (River 0.44 and newer hands such jobs back without using an attempt), and give the"
            " processes time to stop.",
        )


def find_discarded(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Jobs without attempts left, by kind, with their most frequent error."""
    by_kind: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        if job.state == "discarded" and not job.attempts_left and not job.conflict:
            by_kind[job.kind].append(job)
    for kind, lost in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        texts = Counter(job.last_failure.text.partition("\n")[0][:80] for job in lost if job.last_failure)
        text, times = texts.most_common(1)[0] if texts else ("", 0)
        yield find_in_jobs(
            lost,
            "discarded",
            ReportPart.LATELY,
            f"{count_noun(len(lost), f'{kind} job')} discarded: every attempt failed",
            f"{times} of {len(lost)} ended with: {text}" if times else "The table has no error of these jobs.",
            Certainty.PROVEN,
            "River deletes discarded jobs after seven days, unless configured otherwise.",
        )


def find_close_to_discard(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Live jobs that have failed and have at most NEAR_LAST attempts left."""
    found = [job for job in jobs if job.ended_at is None and job.failure_count and job.attempts_left <= NEAR_LAST]
    if found:
        yield find_in_jobs(
            found,
            "close_to_discard",
            ReportPart.LATELY,
            f"{describe_jobs(found)} close to being discarded",
            f"These jobs have failed, and have at most {count_noun(NEAR_LAST, 'attempt')} left.",
            Certainty.PROVEN,
            "`riverkeeper failing` shows the errors.",
        )


def find_duplicates(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """River's scheduler discards a unique job whose key another job has taken meanwhile."""
    found = [job for job in jobs if job.conflict]
    if found:
        yield find_in_jobs(
            found,
            "discarded_as_duplicates",
            ReportPart.LATELY,
            f"{describe_jobs(found, 'unique job')} discarded as a duplicate",
            "metadata.unique_key_conflict is set: another job held the key when the job was due.",
            Certainty.PROVEN,
            "This is right where the other job does the same work. If not, let the key hold in the state retryable too"
            " (UniqueOpts.ByState).",
        )


def find_snoozed(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """A snooze uses no attempt, so a job can snooze for ever."""
    found = [job for job in jobs if job.snoozes >= LOOP_SNOOZES and job.ended_at is None]
    if found:
        yield find_in_jobs(
            found,
            "snoozed_for_ever",
            ReportPart.LATELY,
            f"{describe_jobs(found)} snoozed up to {max(job.snoozes for job in found):,} times",
            f"metadata.snoozes is {LOOP_SNOOZES} or more, and the jobs have not ended.",
            Certainty.LIKELY,
            "A snooze uses no attempt: only the worker can end such a job.",
        )


def reported_after_rescue(job: JobTrace) -> bool:
    """Whether the table shows a result of an attempt that River had rescued before.

    Its late error stands behind the entry of the rescue, with a start before it. Its late snooze takes back the number
    of an attempt that it is not. Its late success, where River takes it, leaves the job completed under its own claim.
    Moments are compared because operators reset attempts in SQL.
    """
    rescued: dict[int, float] = {}
    for failure in job.failures:
        if failure.attempt is None or failure.at is None:
            continue
        if failure.is_rescue:
            rescued[failure.attempt] = failure.at
        elif failure.at < rescued.get(failure.attempt, 0.0) and not failure.is_riverkeeper_rescue:
            return True
    last = max(rescued, default=0)
    if not last or job.attempted_at is None or job.attempt > last:
        return False
    claimed_again = job.attempted_at > rescued[last]
    if claimed_again:
        return job.snoozes > 0 and (job.attempt < last or job.state in {"completed", "running"})
    return job.state == "completed"


def _ended_early(job: JobTrace, shortest: float | None) -> bool:
    rescue = job.last_rescue
    if shortest is None or rescue is None or rescue.attempt is None or job.state != "completed":
        return False
    if job.attempt != rescue.attempt + 1 or job.attempted_at is None or job.ended_at is None:
        return False
    return job.ended_at - job.attempted_at < shortest / 2


def outcome_of_rescue(job: JobTrace) -> str:
    """What River's rescuer did with the job the last time."""
    last = job.last_failure
    if last is None or not last.is_rescue or job.conflict or job.state not in {"cancelled", "discarded"}:
        return "retried"
    if job.state == "cancelled":
        return "cancelled"
    return "discarded, kind unknown" if job.attempts_left else "discarded"


def count_river_rescues(job: JobTrace) -> int:
    """Rescues by River: the count in the metadata, without the rescues by Riverkeeper."""
    ours = sum(failure.is_riverkeeper_rescue for failure in job.failures)
    return max(0, job.rescues - ours, sum(failure.is_rescue for failure in job.failures))


def standstill_of(job: JobTrace) -> Standstill | None:
    """From the claim to the last rescue by River. Where a newer claim took its place, an upper bound; None: unknown."""
    rescue, last = job.last_rescue, job.last_failure
    if rescue is None or rescue.at is None:
        return None
    if rescue is last and rescue.attempt == job.attempt and job.attempted_at is not None:
        return Standstill(rescue.at - job.attempted_at, exact=True) if rescue.at >= job.attempted_at else None
    position = job.failures.index(rescue)
    since = job.failures[position - 1].at if position else job.created_at
    return Standstill(rescue.at - since, exact=False) if since is not None and rescue.at >= since else None


def _attempts(jobs: Sequence[JobTrace]) -> str:
    job = jobs[0]
    return f"job {job.id} had used {job.attempt} of {job.max_attempts}"


def _describe_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
