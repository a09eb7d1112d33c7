"""What the supervisor's counters begin with."""

from __future__ import annotations

from dataclasses import replace

from fixtures.running_jobs import JOB
from fixtures.stuck_jobs import judged
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Action, Mode, Tier
from riverkeeper.evidence.pods import EndCause
from riverkeeper.metrics.catalogue.rescue import ACTS
from riverkeeper.rescue.refusal import Refusal
from riverkeeper.rescue.status import Acts
from riverkeeper.rescue.supervisor.reporting import PassReporter
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict, WaitLimit
from verdict.test_worker_dead import END


def live_policy(*tiers: Tier) -> Policy:
    return Policy({tier.name: tier for tier in tiers}, rescue=RescueSettings(mode=Mode.LIVE))


def test_what_policy_can_come_to_is_counted_from_0_on() -> None:
    """So that a first rescue is a rise; what policy holds, and a tier that is disabled, have no series."""
    acts = Acts()
    tiers = (
        Tier("standard"),
        Tier("off", mode=Mode.DISABLED),
        Tier("bulk", on_hung=Action.DISCARD, on_worker_lost=Action.HOLD),
    )
    PassReporter(acts).start_series(live_policy(*tiers))

    assert acts.rescues == {
        ("standard", "worker_dead", "retry"): 0,
        ("standard", "worker_lost", "retry"): 0,
        ("standard", "abandoned", "retry"): 0,
        ("standard", "orphaned", "retry"): 0,
        ("standard", "hung", "stop"): 0,
        ("standard", "hung", "retry"): 0,
        ("bulk", "worker_dead", "retry"): 0,
        ("bulk", "hung", "stop"): 0,
        ("bulk", "hung", "discard"): 0,
    }


def test_a_reload_keeps_what_was_counted() -> None:
    """Counters only rise: a tier that comes is added, and one that goes stays."""
    acts = Acts()
    reporter = PassReporter(acts)
    reporter.start_series(live_policy(Tier("standard")))
    acts.rescues["standard", "worker_lost", "retry"] += 3
    acts.refusals[Refusal.BEAT.value] += 2
    reporter.start_series(live_policy(Tier("standard"), Tier("urgent")))

    assert acts.rescues["standard", "worker_lost", "retry"] == 3
    assert acts.refusals[Refusal.BEAT.value] == 2
    assert acts.rescues["urgent", "worker_lost", "retry"] == 0


def test_every_refusal_has_its_series() -> None:
    """As many as docs/metrics.md counts on."""
    acts = Acts()
    PassReporter(acts).start_series(live_policy(Tier("standard")))
    [family] = [family for family in ACTS if family.name == "riverkeeper_rescue_refusals_total"]

    assert len(list(family.samples(acts))) == family.times == len(Refusal)


DEAD = StuckJob(replace(JOB, terminated=END), Verdict(Reason.WORKER_DEAD, "standard"))
NONE_LOST = replace(
    judged(),
    wait_limits=(WaitLimit("default", 1, "standard", 300.0),),
    pair_tiers=frozenset({("other", "mail", "no_limit")}),  # a tier with `max_wait: null`
)
LOST = replace(NONE_LOST, stuck=(DEAD,))
BEFORE, AFTER = END.finished_at - 60, END.finished_at + 60


def test_a_lost_job_is_counted_once() -> None:
    """However many passes find it held, also with a pass between that could not read the pods; by why its container
    ended, and from 0 on for every known queue.
    """
    acts = Acts()
    reporter = PassReporter(acts)
    reporter.count_lost_jobs(NONE_LOST, BEFORE)
    assert set(acts.lost_jobs.values()) == {0}
    assert len(acts.lost_jobs) == 2 * len(EndCause)
    for verdicts in (LOST, LOST, NONE_LOST, LOST):
        reporter.count_lost_jobs(verdicts, AFTER)

    assert +acts.lost_jobs == {("default", "OOMKilled"): 1}


def test_held_jobs_are_not_counted_again_by_the_next_active_replica() -> None:
    """After a restart or a takeover: their containers ended before, when another process counted."""
    restarted = Acts()
    PassReporter(restarted).count_lost_jobs(LOST, AFTER)
    took_over = Acts()
    reporter = PassReporter(took_over)
    reporter.count_lost_jobs(NONE_LOST, BEFORE)
    reporter.stand_by()
    reporter.count_lost_jobs(LOST, AFTER)

    assert not +restarted.lost_jobs
    assert not +took_over.lost_jobs
