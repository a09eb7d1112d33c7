"""The simulated workers write about a job exactly what River's would (facts: the table of transitions)."""

from __future__ import annotations

import json
import math
from datetime import datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.demo.attempt import (
    SOON_SECONDS,
    Attempt,
    FetchedJob,
    Result,
    backoff,
    encode_results,
    plan,
    result,
)
from riverkeeper.demo.kinds import KINDS, Ending, Kind
from riverkeeper.heartbeat.claim import TOKEN_KEY
from riverkeeper.river.failures import rfc3339
from riverkeeper.river.layout import FINAL_STATES

NOW = 1_790_000_000.0
seeds = st.integers(0, 2**32)


@st.composite
def claims(draw: st.DrawFn) -> FetchedJob:
    most = draw(st.integers(1, 25))
    attempt = draw(st.integers(1, most))
    failures = draw(st.integers(0, attempt - 1))
    snoozes = draw(st.integers(0, 20))
    return FetchedJob(7, "charge_card", "default", "web-1", attempt, most, NOW, failures, snoozes)


def report(claim: FetchedJob, ending: Ending, seed: int = 1, ahead: float = 0.0) -> Result:
    written = result(Attempt(claim, ending, NOW + 2), ending, NOW + 2, ahead, Random(seed))
    assert written is not None
    return written


WRITING = [ending for ending in Ending if ending not in (Ending.CRASH, Ending.HANG)]


@given(claims(), st.sampled_from(WRITING), seeds)
def test_final_states_and_only_they_are_finalized(claim: FetchedJob, ending: Ending, seed: int) -> None:
    """River's check constraint: finalized_at is set where and only where the state is final."""
    written = report(claim, ending, seed)
    assert (written.finalized_at is not None) == (written.state in FINAL_STATES)
    assert (written.scheduled_at is not None) == (written.state not in FINAL_STATES)


@given(claims(), seeds)
def test_the_last_failure_discards(claim: FetchedJob, seed: int) -> None:
    """A failure is tried again until max_attempts is used, never after."""
    written = report(claim, Ending.FAILURE, seed)
    assert (written.state == "discarded") == (claim.attempt == claim.max_attempts)
    assert written.attempt is None


@given(claims(), st.sampled_from([Ending.FAILURE, Ending.SNOOZE]), seeds)
def test_only_a_far_wait_is_left_to_the_scheduler(claim: FetchedJob, ending: Ending, seed: int) -> None:
    """Up to five seconds River writes `available` with a future scheduled_at, beyond that retryable or scheduled."""
    written = report(claim, ending, seed)
    if written.scheduled_at is not None:
        wait = written.scheduled_at - (NOW + 2)
        far = {Ending.FAILURE: "retryable", Ending.SNOOZE: "scheduled"}[ending]
        assert written.state == ("available" if wait <= SOON_SECONDS else far)


@given(claims(), seeds)
def test_a_snooze_costs_no_attempt(claim: FetchedJob, seed: int) -> None:
    """Snoozed: attempt one back, no error, snoozes counted in the metadata."""
    written = report(claim, Ending.SNOOZE, seed)
    assert written.attempt == claim.attempt - 1
    assert written.error is None
    assert written.metadata == {"snoozes": claim.snoozes + 1, TOKEN_KEY: claim.claimed_at}


@given(claims())
def test_an_interrupted_job_is_given_back(claim: FetchedJob) -> None:
    """A client that stops in order (River 0.44): available at once, attempt as before the claim, no error."""
    written = report(claim, Ending.INTERRUPT)
    token = {TOKEN_KEY: claim.claimed_at}
    assert written == Result(7, "available", claim.attempt - 1, scheduled_at=NOW + 2, metadata=token)


@pytest.mark.parametrize("ending", [Ending.CRASH, Ending.HANG])
def test_a_dead_or_hung_worker_writes_nothing(ending: Ending) -> None:
    """The row of a crashed or hung job stays `running`."""
    claim = FetchedJob(7, "charge_card", "default", "web-1", 1, 3, NOW)
    assert result(Attempt(claim, ending, NOW), ending, NOW, 0.0, Random(1)) is None


@given(claims(), st.floats(-10, 10))
def test_times_are_the_workers(claim: FetchedJob, ahead: float) -> None:
    """finalized_at and the error's `at` (the start of the attempt) come from the worker's clock."""
    written = report(claim, Ending.CANCEL, ahead=ahead)
    assert written.finalized_at == pytest.approx(NOW + 2 + ahead)
    assert written.error is not None
    at = datetime.fromisoformat(str(written.error["at"])).timestamp()
    assert at == pytest.approx(NOW + ahead, abs=1e-5)


@given(claims(), st.sampled_from([Ending.FAILURE, Ending.CANCEL]))
def test_errors_have_the_exact_shape(claim: FetchedJob, ending: Ending) -> None:
    """Any other shape strands a whole batch of an older River: four keys, a number, an RFC 3339 time with an offset."""
    (row,) = json.loads(encode_results([report(claim, ending)]))
    assert {key: type(value) for key, value in row["error"].items()} == {
        "at": str,
        "attempt": int,
        "error": str,
        "trace": str,
    }
    assert row["error"]["at"] == rfc3339(NOW)
    assert datetime.fromisoformat(row["error"]["at"]).tzinfo is not None


@given(st.integers(1, 25), seeds)
def test_the_wait_grows_with_the_fourth_power(failures: int, seed: int) -> None:
    """River's default policy, ten per cent to either side, scaled down."""
    assert backoff(failures, Random(seed)) == pytest.approx(0.5 * failures**4, rel=0.1001)


@given(claims(), st.sampled_from(KINDS), seeds)
def test_a_plan_is_a_function_of_claim_and_chance(claim: FetchedJob, kind: Kind, seed: int) -> None:
    """The same chance gives the same fate, which begins after the claim."""
    planned = plan(claim, kind, Random(seed))
    assert planned == plan(claim, kind, Random(seed))
    assert planned.ends_at > claim.attempted_at
    assert math.isinf(planned.ends_at) == (planned.ending is Ending.HANG)
    if claim.attempt == 1 and kind.first_ending:
        assert planned.ending is kind.first_ending
    else:
        assert planned.ending in {Ending.SUCCESS, *kind.endings}
