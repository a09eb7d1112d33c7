"""Limits in force, what they were learned from, and the sentence that explains them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.running_jobs import policies, spans
from fixtures.simulated_river import find_bucket
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import LearnedLimits, Tier
from riverkeeper.ledger.counts import EDGES, NO_DURATION
from riverkeeper.ledger.learned_limits import RunCounts, learn, quantile_of
from riverkeeper.verdict.limits import Learned, limits_of, run_limit

TIER = Tier("standard")
POLICY = Policy({"standard": TIER})
LEARNING = LearnedLimits()
counts = st.dictionaries(st.integers(NO_DURATION, len(EDGES)), st.integers(0, 1000), max_size=6)


def past(*seconds: float, times: int = 1, censored: int = 0) -> RunCounts:
    found: dict[int, int] = {}
    for run in seconds:
        bucket = find_bucket(round(run * 1e6))
        found[bucket] = found.get(bucket, 0) + times
    return RunCounts(found, censored)


def origin(learned: Learned | None, learning: LearnedLimits = LEARNING, tier: Tier = TIER) -> tuple[float, str] | None:
    limit = run_limit(learning, tier, "email", learned)
    return None if limit is None else (limit.seconds, limit.origin)


def test_a_limit_explains_how_it_came_about() -> None:
    """In words: how many runs, which quantile of them, the factor, and what bounded it."""
    learned = Learned(samples=250, quantile=0.99, seconds=200.0, window=7 * 86400.0)

    assert origin(learned) == (600.0, "p99 of 250 runs of email in 7 d is about 200 s, times 3")
    assert origin(replace(learned, seconds=1.5)) == (
        300.0, "p99 of 250 runs of email in 7 d is about 1.5 s, times 3, but at least the floor of 5 min",
    )  # fmt: skip
    assert origin(replace(learned, seconds=40_000.0)) == (
        86400.0, "p99 of 250 runs of email in 7 d is about 40000 s, times 3, but at most the ceiling of 1 d",
    )  # fmt: skip
    assert origin(replace(learned, seconds=math.inf)) == (
        86400.0, "p99 of 250 runs of email was ended for its age, so the ceiling of 1 d",
    )  # fmt: skip


def test_policy_comes_before_the_past() -> None:
    """A tier's max_run is set by an operator; without it and without enough runs there is no limit."""
    learned = Learned(samples=99, quantile=0.99, seconds=200.0, window=86400.0)

    assert origin(learned, tier=replace(TIER, max_run=60.0)) == (60.0, "tier standard")
    assert origin(None) is None
    assert origin(learned) is None
    assert origin(replace(learned, samples=100)) is not None
    assert origin(replace(learned, samples=100), replace(LEARNING, enabled=False)) is None
    assert origin(replace(learned, samples=100, seconds=math.nan)) is None


@given(policies, spans, st.none() | spans)
def test_the_limit_in_force_is_never_below_what_clients_declare(
    policy: Policy, interval: float, lease: float | None
) -> None:
    """Three intervals and lease + drain; and it is marked where the policy is below."""
    tier = policy.tiers["standard"]
    limits = limits_of(policy, tier, "email", None, interval, lease)

    assert not limits.heartbeat.seconds < 3 * interval
    assert lease is None or not lease > 0 or not limits.heartbeat.seconds < lease + tier.drain
    assert limits.progress is None or not limits.progress.seconds < 3 * interval
    assert limits.heartbeat.raised == (limits.heartbeat.seconds > tier.heartbeat_timeout)
    assert limits.heartbeat.raised == (", raised to " in limits.heartbeat.origin)


def test_raising_twice_keeps_only_the_last_reason() -> None:
    """The sentence stays a sentence."""
    heartbeat = limits_of(POLICY, TIER, "email", None, 20.0, 90.0).heartbeat

    assert heartbeat.seconds == 100
    assert heartbeat.origin == "tier standard, raised to the declared lease of 90 s and a drain of 10 s"


@pytest.mark.parametrize("seconds", [0.002, 0.3, 7.7, 61.0, 5000.0, 200_000.0])
def test_a_quantile_is_good_to_a_tenth(seconds: float) -> None:
    """The ledger's buckets are fine enough."""
    found = quantile_of(past(seconds, times=100), 0.99)

    assert abs(found / seconds - 1) < 0.10


def test_a_quantile_stands_where_that_share_lies_below() -> None:
    """One slow run in two hundred does not move p99; three do."""
    assert quantile_of(past(*[1.0] * 199, 500.0), 0.99) < 2
    assert quantile_of(past(*[1.0] * 197, *[500.0] * 3), 0.99) > 400
    assert quantile_of(past(1.0, 2.0, 3.0), 1.0) > 2.5


def test_a_kind_that_became_slower_is_believed_within_a_day() -> None:
    """The larger of the window and its last day counts; a faster one is believed when the window has passed."""
    quick, slow = past(1.0, times=20_000), past(100.0, times=100)
    slower = learn(LEARNING, RunCounts({**quick.counts, **slow.counts}), slow)
    faster = learn(LEARNING, RunCounts({**quick.counts, **past(100.0, times=300).counts}), quick)

    assert slower is not None
    assert (slower.window, slower.samples, slower.seconds > 90) == (2 * 86400.0, 20_100, True)
    assert faster is not None
    assert (faster.window, faster.seconds > 90) == (LEARNING.window, True)
    handful = learn(LEARNING, quick, past(100.0, times=99))
    assert handful is not None
    assert handful.seconds < 2


def test_censored_runs_do_not_tighten_the_limit() -> None:
    """A rescue for being over budget is a run longer than all seen: more than one in a hundred lifts the limit."""
    some = learn(LEARNING, past(100.0, times=1000, censored=5))
    many = learn(LEARNING, past(100.0, times=1000, censored=11))

    assert some is not None
    assert 90 < some.seconds < 110
    assert many is not None
    assert many.seconds == math.inf
    assert run_limit(LEARNING, TIER, "email", many) is not None
    assert run_limit(LEARNING, TIER, "email", many).seconds == LEARNING.ceiling  # type: ignore[union-attr]


@given(counts, counts, st.integers(0, 50), st.floats(0.5, 1))
def test_any_past_teaches_something_or_nothing(
    window: dict[int, int], day: dict[int, int], censored: int, quantile: float
) -> None:
    """Never an error, never a limit outside floor and ceiling, never one from too few runs."""
    learning = replace(LEARNING, quantile=quantile)
    learned = learn(learning, RunCounts(window, censored), RunCounts(day))
    limit = run_limit(learning, TIER, "email", learned)

    if limit is not None:
        assert learned is not None
        assert learned.samples >= learning.min_samples
        assert learning.floor <= limit.seconds <= learning.ceiling


@given(counts, st.integers(0, 50), st.integers(1, 50))
def test_more_censored_runs_never_lower_a_quantile(window: dict[int, int], censored: int, more: int) -> None:
    """Censored runs only ever raise a limit."""
    before, after = RunCounts(window, censored), RunCounts(window, censored + more)

    assert before.samples == 0 or quantile_of(before, 0.99) <= quantile_of(after, 0.99)
