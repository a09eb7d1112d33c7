"""What the supervisor says of its passes: counters, and log lines once for each claim and reason."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

import structlog

from riverkeeper.metrics.catalogue.rescue import LATE_OUTCOMES, TIME_EDGES, Acts
from riverkeeper.rescue.audit.follow_up import FalseRescue
from riverkeeper.rescue.refusal import BRAKES, Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.supervisor.candidates import Candidate
from riverkeeper.verdict.job import Claim

log = structlog.get_logger()

MOST_LINES = 20  # of refusals in one pass: a thousand jobs behind one brake are one piece of news
# A page says these of every job at once, by the brakes and the mode.
SAID_ELSEWHERE = BRAKES | {Refusal.RECORDED, Refusal.NOT_ACTOR}


class Telling:
    """Remembers what it has said in the last pass, so that it does not repeat itself."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._said: set[tuple[Claim, str]] = set()
        self._saying: set[tuple[Claim, str]] = set()
        self._lines = 0
        self._trouble = ""
        self._leaving: dict[Claim, str] = {}
        self.left: Mapping[Claim, str] = {}  # why the last pass left these alone; replaced as a whole, read by others

    def expect(self, rules: Rules) -> None:
        """Have the counters there before the first act: a series that begins with 1 is no rise to Prometheus."""
        self._acts.rescues.update(dict.fromkeys(rules.expected, 0))
        self._acts.refusals.update({refusal.value: 0 for refusal in Refusal})

    def outcome(self, one: Candidate, outcome: Rescued | Skipped) -> None:
        """Count and log what became of a candidate."""
        if isinstance(outcome, Rescued):
            self._done(one, outcome)
        else:
            self._refused(one, outcome)

    def end_of_pass(self) -> None:
        """A pass went through."""
        if self._lines > MOST_LINES:
            log.info("more stuck jobs are left alone", jobs=self._lines - MOST_LINES)
        self._said, self._saying, self._lines, self._trouble = self._saying, set(), 0, ""
        self.left, self._leaving = self._leaving, {}

    def trouble(self, what: str) -> None:
        """A pass could not be made, or broke off; said when it is news."""
        if what != self._trouble:
            log.warning("the supervisor cannot pass", error=what)
        self._trouble = what

    def late(self, found: Iterable[FalseRescue]) -> None:
        """Rescues that proved false."""
        for late in found:
            if not late.dry_run:
                self._acts.late_finishes[late.queue, late.kind] += 1
            log.warning(
                "a rescue was false: the old worker was alive", queue=late.queue, kind=late.kind,
                reason=late.reason.value, old_worker=late.previous_worker.value, dry_run=late.dry_run,
            )  # fmt: skip

    def late_results(self, found: Mapping[tuple[str, str, str], int]) -> None:
        """Results that the fence dropped."""
        for (queue, kind, outcome), results in found.items():
            self._acts.late_results[queue, kind, outcome] += results
            log.info("late results dropped by the fence", queue=queue, kind=kind, outcome=outcome, results=results)

    def _done(self, one: Candidate, done: Rescued) -> None:
        if not done.dry_run:
            self._acts.rescues[one.tier.name, done.reason.value, done.act.value] += 1
            queue, kind = one.stuck.job.queue, one.stuck.job.kind
            self._acts.late_finishes[queue, kind] += 0  # so that a first one is a rise
            for outcome in LATE_OUTCOMES:
                self._acts.late_results[queue, kind, outcome] += 0
            if done.late_seconds is not None:
                self._acts.to_rescue[bisect_left(TIME_EDGES, done.late_seconds)] += 1
                self._acts.to_rescue_seconds += done.late_seconds
        job = one.stuck.job
        log.info(
            "would rescue" if done.dry_run else "rescued", job=job.claim.job_id, queue=job.queue, kind=job.kind,
            tier=one.tier.name, reason=done.reason.value, action=done.act.value, woken_by=one.woken_by,
        )  # fmt: skip

    def _refused(self, one: Candidate, refused: Skipped) -> None:
        if one.refused is None and refused.refusal not in SAID_ELSEWHERE:
            self._leaving[one.stuck.job.claim] = str(refused)
        self._acts.refusals[refused.refusal.value] += 1
        news = (one.stuck.job.claim, refused.refusal.value)
        self._saying.add(news)
        if news in self._said:
            return
        self._lines += 1
        if self._lines <= MOST_LINES:
            log.info(
                "left alone", job=one.stuck.job.claim.job_id, kind=one.stuck.job.kind,
                reason=one.stuck.verdict.reason.value, refusal=refused.refusal.value, why=str(refused),
            )  # fmt: skip
