"""Which claims go into one transaction, and how far a brake lets them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, integers, lists, none, sampled_from, tuples

from riverkeeper.brakes.mass_silence import MassSilence
from riverkeeper.brakes.rules import Brake, BrakeFacts, first_engaged
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.rescue.audit.records import AuditEntry
from riverkeeper.rescue.decision import Act, RescuePlan
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.supervisor.rescue_pass import Candidate, order_candidates, split_group
from riverkeeper.rescue.transaction import apply_brakes
from riverkeeper.verdict.job import Beat, JobClaim, RunningJob
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict

BEATS = {"table": Beat(1.0, 10.0), "metadata": Beat(1.0, 30.0, by_metadata=True), "never": None}


def candidate(number: int, beats: str, dry_run: bool) -> Candidate:
    job = RunningJob(JobClaim(number, 1, ""), "q", "k", 1, 25, 1.0, "worker", BEATS[beats])
    return Candidate(
        StuckJob(job, Verdict(Reason.WORKER_LOST, "standard")), Tier("standard"), dry_run, "supervisor", None
    )


def entry(number: int) -> AuditEntry:
    job = candidate(number, "table", dry_run=False).stuck.job
    done = Rescued(job.claim, Act.RETRY, Reason.WORKER_LOST, "available", None, False, 1.0, None)
    return AuditEntry(job, RescuePlan(Act.RETRY), done, {})


@given(
    lists(tuples(sampled_from(sorted(BEATS)), booleans()), min_size=1, max_size=30), integers(min_value=1, max_value=9)
)
def test_a_group_is_alike_and_nobody_is_lost(made: list[tuple[str, bool]], at_most: int) -> None:
    """Rows with rows, tombstones with tombstones, dry runs with dry runs, and the first is in it."""
    waiting = [candidate(number, *values) for number, values in enumerate(made)]
    together, others = split_group(waiting, at_most)

    assert together[0] is waiting[0]
    assert len(together) <= at_most
    assert len({(candidate.stuck.job.beat is BEATS["table"], candidate.dry_run) for candidate in together}) == 1
    assert sorted([*together, *others], key=waiting.index) == waiting
    assert others == sorted(others, key=waiting.index)


@given(lists(none() | integers(min_value=0, max_value=5), max_size=9))
def test_a_job_that_was_never_tried_comes_first(tried: list[int | None]) -> None:
    """Then who was tried longest ago: rows that are locked for hours do not keep the others waiting."""
    found = [candidate(number, "table", dry_run=False) for number in range(len(tried))]
    tried_at = {
        candidate.stuck.job.claim: float(at) for candidate, at in zip(found, tried, strict=True) if at is not None
    }

    turns = [tried_at.get(candidate.stuck.job.claim, -1.0) for candidate in order_candidates(found, tried_at)]
    assert turns == sorted(turns)


@given(lists(booleans(), max_size=30), none() | integers(min_value=0, max_value=30))
def test_a_brake_lets_through_as_many_as_it_has_room_for(acts: list[bool], room: int | None) -> None:
    """The first ones, in their order; what is refused for a reason of its own takes no room."""
    judged = [entry(number) if act else Skipped(Refusal.BEAT) for number, act in enumerate(acts)]
    outcomes = apply_brakes(judged, lambda done: None if room is None or done < room else (Brake.RATE, "because"))

    wanted = [outcome for outcome in judged if isinstance(outcome, AuditEntry)]
    assert [outcome for outcome in outcomes if isinstance(outcome, AuditEntry)] == wanted[:room]
    assert [outcome for outcome in outcomes if outcome == Skipped(Refusal.BRAKE_RATE, "because")] == [
        Skipped(Refusal.BRAKE_RATE, "because") for _ in wanted[len(wanted[:room]) :]
    ]
    assert [number for number, outcome in enumerate(outcomes) if outcome == Skipped(Refusal.BEAT)] == [
        number for number, act in enumerate(acts) if not act
    ]


@pytest.mark.parametrize(
    ("facts", "brake", "room"),
    [
        (BrakeFacts(10.0, acted_in_minute=117), Brake.RATE, 3),
        (
            BrakeFacts(10.0, mass=MassSilence(slow_from=1.0, step=1, step_at=2.0), acted_in_step=4),
            Brake.MASS_SILENCE,
            6,
        ),
    ],
)
def test_rate_and_slow_start_count_the_acts_of_this_transaction(facts: BrakeFacts, brake: Brake, room: int) -> None:
    """As they would if each act were a transaction: the last one that goes is the one before the budget is used up."""
    facts = replace(facts, path=replace(facts.path, probe_at=facts.now))
    assert first_engaged(facts.after(room - 1), Policy({})) is None
    holding = first_engaged(facts.after(room), Policy({}))
    assert holding
    assert holding[0] is brake
