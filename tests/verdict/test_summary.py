"""Verdicts as the page of metrics shows them."""

from __future__ import annotations

from dataclasses import replace

from fixtures.running_jobs import ALIVE, ALL_LIMITS, FRESH, JOB, LIMITS, NOW, OPEN, POLICY, STANDARD
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Assignment, Tier
from riverkeeper.ledger.names import OTHER, Names
from riverkeeper.ledger.totals import Finished, FinishedPair, Histogram
from riverkeeper.river.facts import Running
from riverkeeper.river.layout import FINAL_STATES
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Partition
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned
from riverkeeper.verdict.summary import summarize
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.tiers import find_unmatched_rules
from riverkeeper.verdict.verdict import StuckJob, VerdictSummary
from verdict.test_screening import group

NO_RUN = replace(ALL_LIMITS, run=None)
NOBODY = Suspects((), True, OPEN)
TIERS = Policy(
    {"standard": STANDARD, "nightly": Tier("nightly", max_silence=3600.0, max_wait=None), "patient": Tier("patient")},
    (Assignment("nightly", kind="report_*"),),
)


def snapshot(*jobs: object, **parts: object) -> Snapshot:
    running = Running((group(jobs),) if jobs else (), {}, {}, {}, 0, 0, 0)  # type: ignore[arg-type]
    return replace(Snapshot(up=True, taken_at=NOW, now=NOW, running=running), **parts)  # type: ignore[arg-type]


def summary_of(
    shot: Snapshot, policy: Policy = POLICY, suspects: Suspects = NOBODY, **learned: Learned
) -> VerdictSummary:
    assert shot.running is not None
    return summarize(
        policy,
        learned,
        shot.running.pairs,
        NOW,
        suspects,
        pairs=[pair for pair in shot.names.pairs if pair[1] != OTHER],
        partitions=shot.partitions or (),
        last_finished=shot.finished.last_finished if shot.finished else None,
    )


def ratios(found: VerdictSummary) -> dict[tuple[str, str, str, str], float]:
    return {(used.queue, used.kind, used.tier, used.limit.value): used.ratio for used in found.used}


def test_limits_and_what_is_used_of_them() -> None:
    """The worst job of a group against the limits in force; a learned one among them, and what clients have raised."""
    slow = replace(FRESH, beat_at=NOW - 30, interval=20.0)
    past = Learned(samples=200, quantile=0.99, seconds=200.0, window=86400.0)
    found = summary_of(snapshot(replace(JOB, beat=slow)), email=past)

    limits = {
        (limit_in_force.kind, limit_in_force.tier, limit_in_force.limit.name.value): limit_in_force.limit.seconds
        for limit_in_force in found.limits
    }
    assert limits == {
        ("email", "standard", "heartbeat"): 60.0, ("email", "standard", "run"): 600.0, ("", "standard", "wait"): 300.0,
    }  # fmt: skip
    assert ratios(found) == {
        ("default", "email", "standard", "heartbeat"): 0.5,
        ("default", "email", "standard", "run"): 1.0,
    }
    assert found.raised == {("standard", "heartbeat")}


def test_a_metadata_interval_raises_without_contradicting() -> None:
    """The limit is higher, but no client has declared anything against the policy."""
    beating = group([replace(JOB, beat=replace(FRESH, interval=30.0))])
    shot = snapshot(running=Running((replace(beating, undeclared=1),), {}, {}, {}, 0, 0, 0))
    found = summary_of(shot)

    assert found.raised == frozenset()
    assert {limit_in_force.limit.seconds for limit_in_force in found.limits if limit_in_force.kind} == {90.0}


def test_stuck_jobs_are_counted_and_used_up() -> None:
    """The one longest past its limit comes first; its own limit counts, where the group's is higher."""
    quick, slow = (replace(JOB, beat=replace(FRESH, beat_at=NOW - 70, interval=i)) for i in (10.0, 20.0))
    stuck = tuple(StuckJob(job, judge(job, POLICY, LIMITS, NOW, OPEN)) for job in (slow, quick))
    found = summary_of(snapshot(quick, slow), suspects=Suspects(stuck, False, OPEN))

    assert found.counts == {("default", "email", "standard", "worker_lost"): 2}
    assert [judged_job.verdict.passed_for for judged_job in found.stuck] == [35.0, 10.0]
    assert max(used.ratio for used in found.used) == 2.0
    assert not found.complete


def test_stuck_since_is_of_the_oldest_that_a_rescuer_may_take() -> None:
    """From the last sign of life, however late the proof came; what policy leaves to an operator does not count."""
    silent, older = (replace(JOB, beat=replace(FRESH, beat_at=NOW - ago)) for ago in (700, 900))
    looping = replace(older, kind="looping", rescues=3)
    hung = replace(JOB, kind="report", beat=replace(FRESH, progress_at=NOW - 400))
    orphaned = replace(JOB, kind="page", claimed_at=NOW - 200, instances=(ALIVE,))
    slow = replace(JOB, kind="slow", beat=FRESH)
    for since in (NOW - 100, None):
        jobs = [
            StuckJob(job, judge(job, POLICY, ALL_LIMITS if job is slow else NO_RUN, NOW, since))
            for job in (silent, older, looping, hung, orphaned, slow)
        ]
        stuck = tuple(job for job in jobs if job.verdict.reason.is_stuck)
        suspected = tuple(job for job in jobs if job.verdict.reason.is_suspected)
        found = summary_of(snapshot(silent), suspects=Suspects(stuck, True, since, suspected)).stuck_since

        known = ("report", NOW - 340) if since else ("looping", NOW - 865)
        assert found == {("default", known[0], "standard"): known[1]} | {
            ("default", "email", "standard"): NOW - 865, ("default", "page", "standard"): NOW - 165,
        }  # fmt: skip


def test_waits_are_of_queues() -> None:
    """The longest due job against the limit of its queue and priority; one that is due later does not wait."""
    partitions = (
        Partition("available", "a", 1, due=1, later=0, first_at=NOW - 150),
        Partition("available", "b", 2, due=0, later=1, first_at=NOW + 50),
        Partition("retryable", "c", 1, due=1, later=0, first_at=NOW - 1000),
    )
    assert ratios(summary_of(snapshot(partitions=partitions))) == {
        ("a", "", "standard", "wait"): 0.5,
        ("b", "", "standard", "wait"): 0.0,
    }


def test_silence_counts_from_the_last_finished_job() -> None:
    """Of kinds whose tier has a limit of silence, also while nothing of them is there."""
    nothing = Histogram((), 0.0)
    pairs = tuple(
        FinishedPair("default", kind, dict.fromkeys(FINAL_STATES, 1), nothing, last)
        for kind, last in (("report_a", NOW - 1800), ("report_b", None), ("email", NOW - 10), ("other", NOW - 9000))
    )
    shot = snapshot(
        finished=Finished(pairs, {}, {}, True, 0, 1), names=Names({}, {("default", p.kind): NOW for p in pairs})
    )
    found = summary_of(shot, TIERS)

    assert ratios(found) == {("default", "report_a", "nightly", "silence"): 0.5}
    assert ("report_b", "nightly", "silence") in {(o.kind, o.tier, o.limit.name.value) for o in found.limits}
    assert "other" not in {limit_in_force.kind for limit_in_force in found.limits}


def test_without_a_verified_path_nothing_is_called_stale() -> None:
    """A ratio that nothing stands behind is absent."""
    shot = snapshot(replace(JOB, beat=replace(FRESH, beat_at=NOW - 9000)))

    assert ratios(summary_of(shot, suspects=Suspects((), True, None))) == {}


def test_a_rule_for_an_unknown_kind_is_reported() -> None:
    """A misspelt name protects nothing, and is reported."""
    policy = replace(TIERS, assign=(Assignment("nightly", kind="reprot_*"), Assignment("nightly", kind="report_*")))

    (sentence,) = find_unmatched_rules(policy, {"report_a", "email"})
    assert 'kind "reprot_*" is known, and assign[0] puts that kind into tier nightly' in sentence
