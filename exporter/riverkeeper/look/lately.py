"""Problems of the last hours and days, as far as River's table keeps them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from riverkeeper.formats import span
from riverkeeper.look.finding import Certainty, Finding, ReportPart, count_noun, describe_jobs, find_in_jobs, join_names
from riverkeeper.look.traces import JobTrace, Traces

LOOP_SNOOZES = 100  # a job with so many snoozes waits for an event that does not come
STOPPED_JOBS = 3  # so many interrupted jobs of one client: its process was stopped
NEAR_LAST = 1  # attempts left


def findings_lately(traces: Traces) -> Iterator[Finding]:
    """Findings about the past, the gravest first."""
    jobs = traces.jobs
    checks: tuple[Callable[[Sequence[JobTrace]], Iterable[Finding]], ...] = (
        find_unknown_kinds,
        find_worked_twice,
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
    """An attempt that reported a failure after its rescue was alive at the rescue."""
    found = [job for job in jobs if _reported_after_rescue(job)]
    if found:
        yield find_in_jobs(
            found,
            "worked_twice",
            ReportPart.LATELY,
            f"{describe_jobs(found)} rescued while the worker was alive",
            "After the rescue, the rescued attempt reported an error of its own.",
            Certainty.PROVEN,
            "Two attempts may have worked at the same time: check these jobs for double effects."
            " Heartbeats tell a slow worker from a dead worker.",
        )


def find_rescued(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """By kind, the most jobs first: how many, their states now, and the time from claim to rescue where it is known."""
    by_kind: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        if count_river_rescues(job):
            by_kind[job.kind].append(job)
    for kind, rescued in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        waits = [seconds for job in rescued if (seconds := seconds_until_rescue(job)) is not None]
        times = sum(count_river_rescues(job) for job in rescued)
        yield find_in_jobs(
            rescued,
            "rescued_by_river",
            ReportPart.LATELY,
            f"{count_noun(len(rescued), f'{kind} job')} had no living worker until River's rescuer took them"
            + (f", for {span(median(waits))} (median)" if waits else ""),
            f"{count_noun(times, 'rescue')}; the jobs are now {_states(rescued)}."
            + (
                f" The longest wait was {span(max(waits))}." if waits else " The table does not have the time any more."
            ),
            Certainty.PROVEN,
            "Their workers died or hung, or ran longer than River's limit.",
        )


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


def _reported_after_rescue(job: JobTrace) -> bool:
    """Whether an attempt has an error of its own after the entry of its rescue."""
    rescued: set[int] = set()
    for failure in job.failures:
        if failure.attempt is None:
            continue
        if failure.is_rescue:
            rescued.add(failure.attempt)
        elif failure.attempt in rescued and not failure.is_riverkeeper_rescue:
            return True
    return False


def count_river_rescues(job: JobTrace) -> int:
    """Rescues by River: the count in the metadata, without the rescues by Riverkeeper."""
    ours = sum(failure.is_riverkeeper_rescue for failure in job.failures)
    return max(0, job.rescues - ours, sum(failure.is_rescue for failure in job.failures))


def seconds_until_rescue(job: JobTrace) -> float | None:
    """Seconds from the claim to the rescue, where the rescued claim is the newest; None where unknown."""
    last = job.last_failure
    if last is None or not last.is_rescue or last.at is None or job.attempted_at is None:
        return None
    return last.at - job.attempted_at if last.attempt == job.attempt and last.at >= job.attempted_at else None


def _attempts(jobs: Sequence[JobTrace]) -> str:
    job = jobs[0]
    return f"job {job.id} had used {job.attempt} of {job.max_attempts}"


def _states(jobs: Sequence[JobTrace]) -> str:
    return ", ".join(f"{state} {number:,}" for state, number in sorted(Counter(job.state for job in jobs).items()))
