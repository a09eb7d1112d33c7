"""What went wrong lately, as far as River's table remembers it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from riverkeeper.formats import span
from riverkeeper.look.finding import Certainty, Finding, Part, about, counted, listed
from riverkeeper.look.job_trace import JobTrace, Traces

LOOP_SNOOZES = 100  # a job that was put off so often waits for something that does not come
STOPPED_JOBS = 3  # as many jobs interrupted under one client id: its process was stopped
NEAR_LAST = 1  # attempts left


def findings_lately(traces: Traces) -> Iterator[Finding]:
    """Findings about what is over, gravest first."""
    jobs = traces.every
    checks: tuple[Callable[[Sequence[JobTrace]], Iterable[Finding]], ...] = (
        discarded_by_a_leader_that_does_not_know_the_kind,
        worked_twice,
        rescued_by_river,
        interrupted_by_deploys,
        discarded,
        close_to_discard,
        discarded_as_duplicates,
        snoozed_for_ever,
    )
    for check in checks:
        yield from check(jobs)


def discarded_by_a_leader_that_does_not_know_the_kind(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """River's leader discards a stuck job whose kind it has no worker for, whatever attempts it has left."""
    found = [
        job
        for job in jobs
        if job.state == "discarded" and job.attempts_left and job.last_failure and job.last_failure.is_rescue
    ]
    if found:
        yield about(
            found,
            "unknown_kind_discarded",
            Part.LATELY,
            f"{counted(len(found), 'stuck job')} of {listed(job.kind for job in found)} discarded with attempts left",
            "River's rescuer wrote the last error, the state is discarded, and attempts were left:"
            f" {_attempts(found)}. River's leader does that to kinds it has no worker for.",
            Certainty.LIKELY,
            "Let every client that may lead know every kind, or give each application a schema of its own."
            " Retry these jobs by hand.",
        )


def worked_twice(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """An attempt that reported a failure after it had been rescued was alive when it was rescued."""
    found = [job for job in jobs if _reported_after_rescue(job)]
    if found:
        yield about(
            found,
            "worked_twice",
            Part.LATELY,
            f"{counted(len(found), 'job')} of {listed(job.kind for job in found)} rescued while the worker was alive",
            "An attempt that River's rescuer had ended reported an error of its own afterwards.",
            Certainty.PROVEN,
            "Two attempts may have worked at once: check these jobs for double effects."
            " Heartbeats tell a slow worker from a dead one.",
        )


def rescued_by_river(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """By kind, gravest first: how many, how they ended, and how long they stood still where that can be known."""
    by_kind: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        if river_rescues(job):
            by_kind[job.kind].append(job)
    for kind, rescued in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        still = [seconds for job in rescued if (seconds := stood_still(job)) is not None]
        times = sum(river_rescues(job) for job in rescued)
        yield about(
            rescued,
            "rescued_by_river",
            Part.LATELY,
            f"{counted(len(rescued), f'{kind} job')} stood still until River's rescuer took them"
            + (f", {span(median(still))} (median)" if still else ""),
            f"{counted(times, 'rescue')}; the jobs are now {_states(rescued)}."
            + (f" The longest stood still for {span(max(still))}." if still else " How long is not recorded any more."),
            Certainty.PROVEN,
            "Their workers died, hung, or ran longer than River's limit.",
        )


def interrupted_by_deploys(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Many jobs interrupted under one client id: its process was stopped, and each lost an attempt."""
    by_client: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        for failure in job.failures:
            if failure.is_interrupted and (client := job.client_of(failure.attempt)):
                by_client[client].append(job)
    stopped = {client: found for client, found in by_client.items() if len(found) >= STOPPED_JOBS}
    if stopped:
        found = [job for jobs_of_client in stopped.values() for job in jobs_of_client]
        yield about(
            found,
            "attempts_lost_to_deploys",
            Part.LATELY,
            f"{counted(len(found), 'attempt')} lost in {counted(len(stopped), 'stop')} of worker processes",
            f"Jobs of {listed(job.kind for job in found)} were interrupted, {STOPPED_JOBS} or more under one client.",
            Certainty.LIKELY,
            "Set SoftStopTimeout (River 0.44 and newer hands such jobs back without using an attempt), and give the"
            " processes time to stop.",
        )


def discarded(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Jobs that are lost for good, by kind, with the error that most of them ended with."""
    by_kind: defaultdict[str, list[JobTrace]] = defaultdict(list)
    for job in jobs:
        if job.state == "discarded" and not job.attempts_left and not job.conflict:
            by_kind[job.kind].append(job)
    for kind, lost in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        texts = Counter(job.last_failure.text.partition("\n")[0][:80] for job in lost if job.last_failure)
        text, times = texts.most_common(1)[0] if texts else ("", 0)
        yield about(
            lost,
            "discarded",
            Part.LATELY,
            f"{counted(len(lost), f'{kind} job')} discarded: every attempt failed",
            f"{times} of {len(lost)} ended with: {text}" if times else "The table has no error of theirs.",
            Certainty.PROVEN,
            "River deletes discarded jobs after seven days, unless configured otherwise.",
        )


def close_to_discard(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """Live jobs whose next failure is the last, or the last but one."""
    found = [job for job in jobs if job.ended_at is None and job.failure_count and job.attempts_left <= NEAR_LAST]
    if found:
        yield about(
            found,
            "close_to_discard",
            Part.LATELY,
            f"{counted(len(found), 'job')} of {listed(job.kind for job in found)} close to being discarded",
            f"They have failed, and have at most {counted(NEAR_LAST, 'attempt')} left.",
            Certainty.PROVEN,
            "`riverkeeper failing` shows the errors.",
        )


def discarded_as_duplicates(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """River's scheduler discards a unique job when another one has taken its key meanwhile."""
    found = [job for job in jobs if job.conflict]
    if found:
        yield about(
            found,
            "discarded_as_duplicates",
            Part.LATELY,
            f"{counted(len(found), 'unique job')} of {listed(job.kind for job in found)} discarded as a duplicate",
            "metadata.unique_key_conflict is set: another job held the key when the job was due.",
            Certainty.PROVEN,
            "It is wanted where the other job does the same work. Else let the key hold in the state retryable too"
            " (UniqueOpts.ByState).",
        )


def snoozed_for_ever(jobs: Sequence[JobTrace]) -> Iterator[Finding]:
    """A snooze uses no attempt, so a job can be put off for ever."""
    found = [job for job in jobs if job.snoozes >= LOOP_SNOOZES and job.ended_at is None]
    if found:
        yield about(
            found,
            "snoozed_for_ever",
            Part.LATELY,
            f"{counted(len(found), 'job')} of {listed(job.kind for job in found)} put off"
            f" {max(job.snoozes for job in found):,} times",
            f"metadata.snoozes is {LOOP_SNOOZES} or more, and the jobs have not ended.",
            Certainty.LIKELY,
            "A snooze uses no attempt: nothing but the worker ends such a job.",
        )


def _reported_after_rescue(job: JobTrace) -> bool:
    """Whether an attempt has an error of its own after its rescue's entry."""
    rescued: set[int] = set()
    for failure in job.failures:
        if failure.attempt is None:
            continue
        if failure.is_rescue:
            rescued.add(failure.attempt)
        elif failure.attempt in rescued and not failure.is_our_rescue:
            return True
    return False


def river_rescues(job: JobTrace) -> int:
    """Rescues by River: what the metadata counts, less those that our own error text names."""
    ours = sum(failure.is_our_rescue for failure in job.failures)
    return max(0, job.rescues - ours, sum(failure.is_rescue for failure in job.failures))


def stood_still(job: JobTrace) -> float | None:
    """Seconds from the claim to the rescue, where the rescued claim is still the newest; None where it is not known."""
    last = job.last_failure
    if last is None or not last.is_rescue or last.at is None or job.attempted_at is None:
        return None
    return last.at - job.attempted_at if last.attempt == job.attempt and last.at >= job.attempted_at else None


def _attempts(jobs: Sequence[JobTrace]) -> str:
    job = jobs[0]
    return f"job {job.id} had used {job.attempt} of {job.max_attempts}"


def _states(jobs: Sequence[JobTrace]) -> str:
    return ", ".join(f"{state} {number:,}" for state, number in sorted(Counter(job.state for job in jobs).items()))
