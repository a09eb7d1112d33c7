"""Problems of running jobs at this moment: stuck, suspected, without a worker, past River's limit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from riverkeeper.formats import count_noun, span
from riverkeeper.look.finding import (
    Certainty,
    Finding,
    ReportPart,
    describe_jobs,
    find_in_jobs,
    join_names,
)
from riverkeeper.look.present import RIVER_LIMIT, Present
from riverkeeper.look.traces import OpenClaim
from riverkeeper.verdict.clocks import MOST_SKEW, claims_by_own_clock, is_cancel_of_claim
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.verdict import Reason, StuckJob

# River repeats a lost cancel message once a minute; and the clock of who requested it may be behind.
CANCEL_GRACE = 120.0 + MOST_SKEW


def findings_of_jobs(present: Present) -> Iterator[Finding]:
    """Findings about running jobs, the gravest first."""
    checks: tuple[Callable[[Present], Iterable[Finding]], ...] = (
        find_poison, find_stuck, find_suspected, find_gone_workers, find_ignored_cancels, find_long_running,
    )  # fmt: skip
    for check in checks:
        yield from check(present)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A stuck or suspected job, as a finding shows it."""

    id: int
    queue: str
    kind: str


def find_stuck(present: Present) -> Iterator[Finding]:
    """Jobs that heartbeats or limits prove to be stuck, by reason."""
    verdicts = present.snapshot.verdicts
    found = verdicts.stuck if verdicts else ()
    for reason, jobs in _group_by_reason(found):
        suspects = _suspects_of(jobs)
        yield find_in_jobs(
            suspects,
            "stuck",
            ReportPart.NOW,
            f"{describe_jobs(suspects)} stuck: {reason}",
            "Heartbeats or a limit of the kind prove it: `riverkeeper stuck` shows value and limit of each job.",
            Certainty.PROVEN,
            "The tier of each job decides what the rescuer does.",
        )


def find_suspected(present: Present) -> Iterator[Finding]:
    """Jobs that may be stuck, and the missing proof. Workers without heartbeats have their own finding."""
    verdicts = present.snapshot.verdicts
    found = verdicts.suspected if verdicts else ()
    for reason, jobs in _group_by_reason(job for job in found if job.verdict.reason is not Reason.WORKER_SUSPECT):
        suspects = _suspects_of(jobs)
        yield find_in_jobs(
            suspects,
            "suspected",
            ReportPart.NOW,
            f"{describe_jobs(suspects)} suspected to be stuck: {reason}",
            f"What is missing: {jobs[0].verdict.missing}.",
            Certainty.POSSIBLE,
            "The rescuer waits for proof: `riverkeeper stuck` shows each job.",
        )


def _group_by_reason(jobs: Iterable[StuckJob]) -> list[tuple[Reason, list[StuckJob]]]:
    groups: dict[Reason, list[StuckJob]] = {}
    for job in jobs:
        groups.setdefault(job.verdict.reason, []).append(job)
    return sorted(groups.items())


def _suspects_of(jobs: Sequence[StuckJob]) -> list[_Suspect]:
    return [_suspect_of(job.job) for job in jobs]


def _suspect_of(job: RunningJob) -> _Suspect:
    return _Suspect(job.claim.job_id, job.queue, job.kind)


def find_gone_workers(present: Present) -> Iterator[Finding]:
    """Running jobs of a client that has claimed nothing since a newer process started on its host."""
    jobs = list(present.gone_workers())
    if jobs:
        oldest = present.now - min(job.claimed_at for job in jobs)
        suspects = [_suspect_of(job) for job in jobs]
        yield find_in_jobs(
            suspects,
            "worker_gone",
            ReportPart.NOW,
            f"{describe_jobs(suspects)} of workers that seem to be gone, the oldest for {span(oldest)}",
            f"Clients: {join_names(job.client_id or '?' for job in jobs)}. A newer process runs on their host, and"
            " since then they have claimed no job. The jobs run for longer than usual.",
            Certainty.LIKELY,
            "River's own rescuer takes the jobs an hour after their claim, or never where the worker has no timeout."
            " Heartbeats would find them at once.",
        )


def find_long_running(present: Present) -> Iterator[Finding]:
    """Jobs that have run for longer than the limit of River's rescuer."""
    gone = {job.claim.job_id for job in present.gone_workers()}
    jobs = [
        claim
        for claim in present.traces.running
        if (age := present.now - claim.attempted_at) > RIVER_LIMIT
        and claim.id not in gone
        and age > (present.longest_run(claim.kind) or 0.0)
    ]
    if jobs:
        oldest = max(present.now - job.attempted_at for job in jobs)
        yield find_in_jobs(
            jobs,
            "running_past_the_limit",
            ReportPart.NOW,
            f"{_at_least(present)}{describe_jobs(jobs)} running for more than an hour, the oldest for {span(oldest)}",
            "River's rescuer takes jobs after an hour, unless their worker's timeout is longer or off. No completed job"
            " of their kinds in the table ran for as long.",
            Certainty.POSSIBLE,
            "In the table, long jobs look like jobs whose worker died. Heartbeats tell them apart.",
        )


def _at_least(present: Present) -> str:
    return "" if present.traces.every_claim else "At least "


def find_ignored_cancels(present: Present) -> Iterator[Finding]:
    """Jobs that were cancelled and still run."""
    cancels = [
        (claim, is_cancel_of(claim))
        for claim in present.traces.running
        if claim.cancel_at is not None and present.now - claim.cancel_at > CANCEL_GRACE
    ]
    jobs = [claim for claim, is_of_claim in cancels if is_of_claim is not False]
    unknown = sum(is_of_claim is None for _, is_of_claim in cancels)
    if jobs:
        yield find_in_jobs(
            jobs,
            "cancel_not_obeyed",
            ReportPart.NOW,
            f"{_at_least(present)}{describe_jobs(jobs)} cancelled, and still running",
            f"metadata.cancel_attempted_at is more than {span(CANCEL_GRACE)} old."
            + (f" For {unknown} of them it may be of an earlier attempt: clocks may differ." if unknown else ""),
            Certainty.LIKELY,
            "Their worker is dead, or its code ignores its context.",
        )


def is_cancel_of(claim: OpenClaim) -> bool | None:
    """Whether this attempt was cancelled, and not an earlier one. None: the clocks leave it open."""
    latest = claim.attempted_at + MOST_SKEW if claims_by_own_clock(claim.client_id) else None
    return is_cancel_of_claim(claim.cancel_at, claim.attempted_at, latest)


def find_poison(present: Present) -> Iterator[Finding]:
    """A job with such metadata stops River's rescuer for every job of the schema."""
    if present.poison:
        running = present.snapshot.running
        more = "At least " if running and running.poison > len(present.poison) else ""
        yield find_in_jobs(
            present.poison,
            "rescuer_stopped_by_a_row",
            ReportPart.NOW,
            f"{more}{count_noun(len(present.poison), 'row')} stopped River's own rescuer: it rescues no job at all",
            "The metadata has a river:rescue_count or cancel_attempted_at that River cannot read.",
            Certainty.PROVEN,
            "`riverkeeper check` prints the statement that repairs each row.",
        )
