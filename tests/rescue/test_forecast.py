"""What would be done with a stuck job, and what holds it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fixtures.running_jobs import jobs, policies
from fixtures.stuck_jobs import LOST
from fixtures.web import NOW
from riverkeeper.brakes.rules import Brake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode, Tier
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.forecast import forecast_rescue
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.verdict.verdict import STUCK, Limit, LimitName, StuckJob, Verdict

TIER = Tier("standard")
LIVE = RescueStatus({"standard": Mode.LIVE}, {})
verdicts = st.builds(
    Verdict,
    reason=st.sampled_from(STUCK),
    tier=st.sampled_from(["standard", "gone"]),
    limit=st.none() | st.just(Limit(LimitName.RUN, 9.0, "tier")),
    value=st.none() | st.floats(),
    underlying=st.none() | st.sampled_from(STUCK),
)


def plan_of(stuck: StuckJob, **tier: object) -> str:
    return forecast_rescue(stuck, Policy({"standard": replace(TIER, **tier)}), LIVE, NOW).plan  # type: ignore[arg-type]


def test_the_next_attempt_waits_for_the_fence_or_the_lease() -> None:
    """A fencing client's for `fence`, a plain one's for `plain_fence`, and both until a lease has run out."""
    assert LOST.job.beat is not None
    plain = replace(LOST, job=replace(LOST.job, beat=replace(LOST.job.beat, fences=False)))
    leased = replace(LOST, job=replace(LOST.job, beat=replace(LOST.job.beat, lease=90.0)))

    assert plan_of(LOST) == "retry it; the next attempt begins 10 s later at the earliest (its results are fenced)"
    assert plan_of(plain) == "retry it; the next attempt begins 60 s later at the earliest (its results are not fenced)"
    assert plan_of(leased) == "retry it; the next attempt begins 53 s later at the earliest (its results are fenced)"


def test_modes_and_brakes_hold() -> None:
    """Disabled names only that; a dry run names also the brakes that would stop a live one."""
    policy = Policy({"standard": TIER})
    brakes = {Brake.GRACE: "it looks on for 40 s more"}

    def held(mode: Mode) -> tuple[str, ...]:
        return forecast_rescue(LOST, policy, RescueStatus({"standard": mode}, brakes), NOW).held_by

    assert forecast_rescue(LOST, policy, LIVE, NOW).held_by == ()
    assert held(Mode.LIVE) == ("brake grace: it looks on for 40 s more",)
    assert len(held(Mode.DRY_RUN)) == 2
    assert held(Mode.DISABLED) == ("rescues are disabled here (rescue.mode, or the tier's own)",)


@given(st.builds(StuckJob, jobs, verdicts), policies)
def test_every_stuck_job_has_a_forecast(stuck: StuckJob, policy: Policy) -> None:
    """Total: an act with its plan, or a reason why there is none."""
    ahead = forecast_rescue(stuck, policy, LIVE, NOW)

    assert (ahead.act is None) == (ahead.plan == "nothing")
    assert ahead.act in {None, *Act}
    assert ahead.act is not None or ahead.held_by
