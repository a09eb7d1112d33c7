"""Running jobs of every sort, for tests of verdicts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from riverkeeper.verdict.job import Beat, Claim, Instance, RunningJob
from riverkeeper.verdict.tiers import Assignment, Policy, Tier
from riverkeeper.verdict.verdict import Limit, Limits
from riverkeeper.verdict.words import Action, LimitName

NOW = 1_700_000_000.0
OPEN = NOW - 1_000_000  # the way of a beat has been open for long
STANDARD = Tier("standard")
POLICY = Policy({"standard": STANDARD})
JOB = RunningJob(
    claim=Claim(7, 1, "2023-11-14T22:13:20.000000Z"),
    queue="default",
    kind="email",
    priority=1,
    max_attempts=25,
    claimed_at=NOW - 600,
    client_id="web-1_2023_11_14T20_00_00_000000",
)
FRESH = Beat(beat_at=NOW - 1, interval=10.0)
ALIVE = Instance(beat_at=NOW - 1, interval=10.0, started_at=NOW - 9000, beats_for_kind=True)
SILENT = replace(ALIVE, beat_at=NOW - 500)
HEARTBEAT = Limit(LimitName.HEARTBEAT, 35.0, "tier standard")
LIMITS = Limits(HEARTBEAT)
ALL_LIMITS = Limits(HEARTBEAT, Limit(LimitName.PROGRESS, 60.0, "tier"), Limit(LimitName.RUN, 300.0, "tier"))

# Moments around now at every scale, and what is no moment at all.
moments = st.one_of(
    st.floats(-2000, 2000).map(lambda seconds: NOW + seconds),
    st.floats(-100, 5).map(lambda seconds: NOW + seconds),
    st.floats(allow_nan=True, allow_infinity=True),
)
spans = st.one_of(st.floats(0.001, 500), st.floats(allow_nan=True, allow_infinity=True))
# A configuration refuses limits below 0; what clients declare is anything.
timeouts = st.one_of(st.floats(0.001, 500), st.sampled_from([float("nan"), float("inf")]))
beats = st.builds(
    Beat,
    beat_at=moments,
    interval=spans,
    lease=st.none() | spans,
    progress_at=st.none() | moments,
    lost_at=st.sampled_from([None, None, None, NOW - 5]),
    stop_requested_at=st.none() | moments,
    ended_at=st.none() | moments,
    outcome=st.sampled_from([None, None, "completed", "failed", "abandoned"]),
    fences=st.booleans(),
    by_metadata=st.booleans(),
)
instances = st.builds(Instance, beat_at=moments, interval=spans, started_at=moments, beats_for_kind=st.booleans())
jobs = st.builds(
    replace,
    st.just(JOB),
    priority=st.integers(-1, 6),
    claimed_at=moments,
    client_id=st.none() | st.text(max_size=5),
    beat=st.none() | beats,
    instances=st.lists(instances, max_size=3).map(tuple),
    cancel_requested=st.booleans(),
    rescues=st.integers(0, 5),
    suspect_since=st.none() | moments,
    seen_at=st.none() | moments,
)
actions = st.sampled_from(Action)
tiers = st.builds(
    Tier,
    name=st.just("standard"),
    heartbeat_timeout=timeouts,
    drain=st.floats(0, 60),
    progress_timeout=st.none() | timeouts,
    max_run=st.none() | timeouts,
    on_worker_lost=actions,
    on_hung=actions,
    on_over_budget=actions,
)
policies = st.builds(
    Policy,
    tiers=tiers.map(lambda tier: {"standard": tier}),
    assign=st.lists(st.builds(Assignment, tier=st.sampled_from(["standard", "gone"])), max_size=2).map(tuple),
    max_rescues=st.integers(1, 4),
)
