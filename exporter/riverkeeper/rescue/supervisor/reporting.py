"""Reports what passes do: counters for metrics, and log lines, once for each claim and refusal."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

import structlog

from riverkeeper.config.policy import Policy
from riverkeeper.evidence.pods import EndCause
from riverkeeper.rescue.audit.follow_up import FalseRescue
from riverkeeper.rescue.decision import list_expected_acts
from riverkeeper.rescue.refusal import BRAKES, Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.status import LATE_OUTCOMES, TIME_EDGES, Acts
from riverkeeper.rescue.supervisor.rescue_pass import REMEMBERED, Candidate
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.verdict import Reason, VerdictSummary

log = structlog.get_logger()

MOST_LINES = 20  # about skipped jobs in one pass: a thousand jobs behind one brake are one piece of news
# Pages show these for every job at once, by the brakes and the mode.
SHOWN_ELSEWHERE = BRAKES | {Refusal.RECORDED, Refusal.NOT_ACTOR}


class PassReporter:
    """Remembers what it reported in the last pass, so that it does not repeat itself."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._reported: set[tuple[JobClaim, str]] = set()  # in the last pass
        self._reporting: set[tuple[JobClaim, str]] = set()  # in this pass
        self._lines = 0
        self._failure = ""
        self._lost: frozenset[JobClaim] = frozenset()  # whose worker's container has ended, counted or not
        self._active_since: float | None = None  # database clock; None: another replica may be the active one
        self._skipping: dict[JobClaim, str] = {}
        self.skip_reasons: Mapping[JobClaim, str] = {}  # of the last pass; replaced as a whole, other threads read it

    def start_series(self, policy: Policy) -> None:
        """Let each counter start at 0: Prometheus sees no increase in a series that starts at 1."""
        self._acts.rescues.update(dict.fromkeys(list_expected_acts(policy), 0))
        self._acts.refusals.update({refusal.value: 0 for refusal in Refusal})

    def stand_by(self) -> None:
        """Another replica may be the active one: from now on it counts the lost jobs."""
        self._active_since = None

    def count_lost_jobs(self, verdicts: VerdictSummary, now: float) -> None:
        """Count each job once whose process has ended. Every queue has a counter for each cause, from 0 on.

        A job whose process ended before this replica became active was counted by the previous active replica. Held
        jobs stay for days: else each restart of Riverkeeper would count all of them again.
        """
        if self._active_since is None:
            self._active_since = now
        counts = self._acts.lost_jobs
        queues = {queue for queue, _, _ in verdicts.pair_tiers} | {limit.queue for limit in verdicts.wait_limits}
        counts.update({(queue, cause.value): 0 for queue in queues for cause in EndCause})
        lost = {each.job.claim: each.job for each in verdicts.stuck if each.verdict.is_of(Reason.WORKER_DEAD)}
        for claim, job in lost.items():
            ended = job.terminated
            if claim not in self._lost and ended is not None and ended.finished_at >= self._active_since:
                counts[job.queue, ended.cause.value] += 1
        known = self._lost if len(self._lost) < REMEMBERED else frozenset()
        self._lost = known | lost.keys()  # a pass that could not read the pods does not forget them

    def report(self, candidate: Candidate, outcome: Rescued | Skipped) -> None:
        """Count and log the outcome of a candidate."""
        if isinstance(outcome, Rescued):
            self._report_rescued(candidate, outcome)
        else:
            self._report_skipped(candidate, outcome)

    def finish_pass(self) -> None:
        """The pass is complete."""
        if self._lines > MOST_LINES:
            log.info("more stuck jobs skipped", jobs=self._lines - MOST_LINES)
        self._reported, self._reporting, self._lines, self._failure = self._reporting, set(), 0, ""
        self.skip_reasons, self._skipping = self._skipping, {}

    def report_failure(self, message: str) -> None:
        """A pass was not possible, or broke off; logged when the message is a new one."""
        if message != self._failure:
            log.warning("rescue pass failed", error=message)
        self._failure = message

    def report_false_rescues(self, found: Iterable[FalseRescue]) -> None:
        """Count (live ones) and log rescues that proved false."""
        for false in found:
            if not false.dry_run:
                self._acts.late_finishes[false.queue, false.kind] += 1
            log.warning(
                "false rescue: the previous worker was alive",
                queue=false.queue,
                kind=false.kind,
                reason=false.reason.value,
                previous_worker=false.previous_worker.value,
                dry_run=false.dry_run,
            )

    def report_late_results(self, found: Mapping[tuple[str, str, str], int]) -> None:
        """Count and log results that the fence dropped; by (queue, kind, outcome)."""
        for (queue, kind, outcome), results in found.items():
            self._acts.late_results[queue, kind, outcome] += results
            log.info("late results dropped by the fence", queue=queue, kind=kind, outcome=outcome, results=results)

    def _report_rescued(self, candidate: Candidate, rescued: Rescued) -> None:
        job = candidate.stuck.job
        if not rescued.dry_run:
            self._acts.rescues[candidate.tier.name, rescued.reason.value, rescued.act.value] += 1
            self._acts.late_finishes[job.queue, job.kind] += 0  # so that Prometheus sees the first one as an increase
            for outcome in LATE_OUTCOMES:
                self._acts.late_results[job.queue, job.kind, outcome] += 0
            if rescued.late_seconds is not None:
                self._acts.to_rescue[bisect_left(TIME_EDGES, rescued.late_seconds)] += 1
                self._acts.to_rescue_seconds += rescued.late_seconds
        log.info(
            "would rescue" if rescued.dry_run else "rescued",
            job=job.claim.job_id,
            queue=job.queue,
            kind=job.kind,
            tier=candidate.tier.name,
            reason=rescued.reason.value,
            action=rescued.act.value,
            woken_by=candidate.woken_by,
        )

    def _report_skipped(self, candidate: Candidate, skipped: Skipped) -> None:
        refusal = skipped.refusal
        if candidate.skipped is None and refusal not in SHOWN_ELSEWHERE:
            self._skipping[candidate.claim] = str(skipped)
        self._acts.refusals[refusal.value] += 1
        news = (candidate.claim, refusal.value)
        self._reporting.add(news)
        if news in self._reported:
            return
        self._lines += 1
        if self._lines <= MOST_LINES:
            log.info(
                "stuck job skipped",
                job=candidate.claim.job_id,
                kind=candidate.stuck.job.kind,
                reason=candidate.stuck.verdict.reason.value,
                refusal=refusal.value,
                why=str(skipped),
            )
