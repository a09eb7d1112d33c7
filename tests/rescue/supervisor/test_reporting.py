"""What the supervisor's counters begin with."""

from __future__ import annotations

from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Action, Mode, Tier
from riverkeeper.metrics.catalogue.rescue import ACTS
from riverkeeper.rescue.refusal import Refusal
from riverkeeper.rescue.status import Acts
from riverkeeper.rescue.supervisor.reporting import PassReporter


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
        ("standard", "worker_lost", "retry"): 0,
        ("standard", "abandoned", "retry"): 0,
        ("standard", "orphaned", "retry"): 0,
        ("standard", "hung", "stop"): 0,
        ("standard", "hung", "retry"): 0,
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
