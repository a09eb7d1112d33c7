"""Claims that a worker's clock dates: whatever it shows, no verdict takes a job that is younger than its limit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consistency.tree import ROOT
from fixtures.running_jobs import ALIVE, ALL_LIMITS, FRESH, JOB, NOW, OPEN, POLICY, SILENT
from riverkeeper.verdict.clocks import (
    DATABASE_CLOCK,
    MOST_SKEW,
    FirstSeen,
    SeenClaims,
    claims_by_own_clock,
    is_cancel_of_claim,
    latest_claim_at,
)
from riverkeeper.verdict.job import Instance, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import Reason

GO = "web-1_2023_11_14T20_00_00_000000"
RUBY = "web-1-7-a1b2c3d4e5f6"
JAVA = "java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10"
skews = st.floats(-MOST_SKEW, MOST_SKEW)
ages = st.one_of(st.floats(0, 1000), st.floats(0, 60))
fleets = st.lists(
    st.builds(
        Instance,
        beat_at=st.floats(0, 600).map(lambda seconds: NOW - seconds),
        interval=st.sampled_from([1.0, 10.0, 30.0]),
        started_at=st.just(NOW - 9000),
        beats_for_kind=st.booleans(),
    ),
    max_size=2,
).map(tuple)


@st.composite
def skewed_jobs(draw: st.DrawFn) -> tuple[RunningJob, RunningJob, float]:
    """A job as it is, the same as a clock that is off dates it, and how long after the claim it was first seen."""
    age = draw(ages)
    unseen_for = draw(st.floats(0, 1)) * age
    first_beat_at = NOW - age + draw(st.floats(0, 1)) * age
    beat = draw(st.sampled_from([None, replace(FRESH, first_at=first_beat_at)]))
    true = replace(JOB, claimed_at=NOW - age, beat=beat, instances=draw(fleets) if beat is None else ())
    dated = true.claimed_at + draw(skews)
    seen_at = true.claimed_at + unseen_for
    before = latest_claim_at(dated, seen_at, None if beat is None else first_beat_at)
    known = first_beat_at - true.claimed_at if beat else unseen_for
    return true, replace(true, claimed_at=dated, claimed_before=before), known


@given(skewed_jobs())
def test_no_skew_makes_a_job_stuck_that_is_not(jobs: tuple[RunningJob, RunningJob, float]) -> None:
    """Five minutes either way, first seen whenever: stuck only where the true age proves it."""
    true, dated, _ = jobs
    assert true.held_since <= dated.held_since + 1e-6

    verdict = judge(dated, POLICY, ALL_LIMITS, NOW, OPEN)
    if verdict.reason.is_stuck:
        assert judge(true, POLICY, ALL_LIMITS, NOW, OPEN).reason.is_stuck


@given(skewed_jobs())
def test_a_skew_delays_a_verdict_by_no_more_than_it_must(jobs: tuple[RunningJob, RunningJob, float]) -> None:
    """By as long as the claim was not seen, or by as much as the clock is ahead: never for ever."""
    true, dated, unseen_for = jobs
    ahead = max(dated.claimed_at - true.claimed_at, 0.0)
    late = max(ahead, min(unseen_for, 2 * MOST_SKEW))
    assert dated.held_since <= true.claimed_at + late + 1e-6


@given(skews, st.floats(-MOST_SKEW, 0), st.floats(0, 600), st.floats(-3600, 3600), st.booleans())
def test_a_cancel_is_never_judged_wrong_by_clocks_that_are_off(
    skew: float, behind: float, unseen_for: float, after: float, own_clock: bool
) -> None:
    """The claim's clock is off, or that of who cancels is behind: what may be of another claim is unknown."""
    made_at = NOW - 4000
    dated = made_at + skew if own_clock else made_at
    before = latest_claim_at(dated, made_at + unseen_for) if own_clock else None

    if after > 0:
        assert is_cancel_of_claim(made_at + after + behind, dated, before) is not False
    elif after < -5:
        assert is_cancel_of_claim(made_at + after + behind, dated, before) is not True


@pytest.mark.parametrize(
    ("after", "dated_by", "seen_after", "is_of_claim"),
    [
        (60, 300, 10, True),  # the claim is dated five minutes ahead, and was cancelled a minute after it was made
        (-60, -300, 10, None),  # dated five minutes behind: a request that is left over is not younger than the claim
        (-901, -300, 10, False),
        (3, 0, 10, None),  # it may have been made after the request: nobody had seen it yet
        (-4, None, None, True),
        (-60, None, None, None),
        (-301, None, None, False),
        (None, None, None, False),
    ],
)
def test_a_cancel_of_a_claim_that_a_clock_dates_wrongly(
    after: float | None, dated_by: float | None, seen_after: float | None, is_of_claim: bool | None
) -> None:
    """`dated_by` None: by the database's clock. The first heartbeat bounds what the worker's clock wrote."""
    cancel_at = None if after is None else NOW + after
    dated = NOW + (dated_by or 0.0)
    before = None if seen_after is None else latest_claim_at(dated, NOW + seen_after)

    assert is_cancel_of_claim(cancel_at, dated, before) is is_of_claim


def test_an_orphan_by_a_clock_that_is_behind_is_none() -> None:
    """Its attempted_at is five minutes old when it is claimed. It is orphaned a timeout after it was first seen."""
    born = replace(JOB, client_id=RUBY, claimed_at=NOW - 301, instances=(ALIVE,))
    seen = replace(born, claimed_before=latest_claim_at(born.claimed_at, NOW - 1))
    old = replace(born, claimed_before=latest_claim_at(born.claimed_at, NOW - 36))

    limits = replace(ALL_LIMITS, run=None)
    assert judge(born, POLICY, limits, NOW, OPEN).reason is Reason.ORPHANED  # what a database's clock would mean
    assert judge(seen, POLICY, limits, NOW, OPEN).reason is Reason.OK
    assert judge(old, POLICY, limits, NOW, OPEN).reason is Reason.ORPHANED
    assert judge(replace(old, instances=(SILENT,)), POLICY, limits, NOW, OPEN).reason is Reason.WORKER_LOST


def test_a_budget_counts_from_the_first_heartbeat() -> None:
    """A clock five minutes behind would use up a limit of five minutes at once."""
    beat = replace(FRESH, first_at=NOW - 299)
    dated = replace(JOB, beat=beat, claimed_at=NOW - 600, claimed_before=latest_claim_at(NOW - 600, NOW, NOW - 299))

    assert judge(dated, POLICY, ALL_LIMITS, NOW, OPEN).reason is Reason.OK
    assert judge(dated, POLICY, ALL_LIMITS, NOW + 2, OPEN).reason is Reason.OVER_BUDGET


@pytest.mark.parametrize(
    ("client_id", "software", "own"),
    [
        (GO, ["plain web"], False),
        (f"{GO}_0123abcd", [], False),
        (RUBY, ["riverbeat-go/0.1.0"], True),
        (JAVA, [], True),
        ("worker-1", ["riverbeat-go/0.1.0"], False),
        ("worker-1", ["riverbeat-rust/0.1.0", "riverbeat-js/0.1.0", "riverkeeper-python 0.1.0"], False),
        ("worker-1", ["plain worker"], True),
        ("worker-1", ["riverbeat-go/0.1.0", "plain worker"], True),
        ("worker-1", ["riverbeat-golang/1"], True),
        ("worker-1", [], False),
        (None, [], False),
    ],
)
def test_whose_clock_dates_a_claim(client_id: str | None, software: list[str], own: bool) -> None:
    """The form of the id decides; else the heartbeat clients that are known. Of any other, nothing is assumed."""
    assert claims_by_own_clock(client_id, software) is own


def test_a_value_keeps_the_moment_at_which_it_was_first_seen() -> None:
    """A value that goes and comes back is seen anew; no value was first seen in the future."""
    seen_claims = FirstSeen[str]()
    seen_claims.update(["a"], 10.0)
    seen_claims.update(["a", "b"], 20.0)
    assert seen_claims.since == {"a": 10.0, "b": 20.0}

    seen_claims.update(["b"], 30.0)
    seen_claims.update(["a", "b"], 15.0)
    assert seen_claims.since == {"a": 15.0, "b": 15.0}


def test_the_oldest_claim_of_a_group_is_seen_before_it_is_a_suspect() -> None:
    """And all claims of its fetch with it, which have its attempted_at. Any other claim is seen when it is read."""
    seen_claims = SeenClaims()
    seen_claims.groups.update([("default", "email", 1, NOW - 300)], NOW - 40)
    seen_claims.claims.update([(8, "later")], NOW - 20)

    assert seen_claims.first_seen((7, "then"), ("default", "email", 1, NOW - 300), NOW) == NOW - 40
    assert seen_claims.first_seen((8, "later"), ("default", "email", 1, NOW - 290), NOW) == NOW - 20
    assert seen_claims.first_seen((9, "now"), ("default", "other", 1, NOW - 300), NOW) == NOW


def test_the_known_clients_are_those_that_ship() -> None:
    """By the names that they send. Under another name a killed worker waits a timeout longer, if its id has no form."""
    sources = (
        "clients/go/config.go",
        "clients/rust/src/config.rs",
        "clients/js/src/beats.js",
        "exporter/riverkeeper/heartbeat/table.py",
    )
    shipped = {
        name
        for source in sources
        for name in re.findall(r"(?:riverbeat|riverkeeper)-(?:go|rust|js|python)\b", (ROOT / source).read_text("utf-8"))
    }

    assert len(shipped) == len(sources)
    assert shipped == DATABASE_CLOCK
