"""Brakes: each engages for its reason, names it, and releases again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.brakes.heartbeat_path import Fleet, HeartbeatPath
from riverkeeper.brakes.mass_silence import SLOW_START, Cause, MassFacts, MassSilence, advance_mass, why_engaged
from riverkeeper.brakes.rules import (
    RULES,
    Brake,
    BrakeFacts,
    ProcessHealth,
    find_engaged_brakes,
    first_engaged,
)
from riverkeeper.config.policy import Policy

POLICY = Policy({})  # no tier shortens the patience: twice the interval
CALM = BrakeFacts(1000.0, path=HeartbeatPath(900.0, 999.0, "one"))

moments = st.none() | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)
counts = st.integers(0, 10**6)
fleets = st.builds(Fleet, counts, counts, counts, counts, moments, moments)
masses = st.builds(
    MassSilence, moments, st.none() | st.sampled_from(Cause), st.text(max_size=9), moments, moments,
    st.text(max_size=9), st.integers(0, len(SLOW_START)), moments, moments,
)  # fmt: skip
present = st.floats(-1e12, 1e12)
facts = st.builds(
    BrakeFacts, present, moments, st.none() | st.text(max_size=9), st.none() | st.text(max_size=9), counts, counts,
    masses, st.builds(HeartbeatPath, moments, moments, st.none() | st.text(max_size=9)),
)  # fmt: skip


@given(facts, st.builds(ProcessHealth, st.floats(0, 1e9), st.floats(0, 1e9)))
def test_brakes_are_total(found: BrakeFacts, ourselves: ProcessHealth) -> None:
    """Whatever the tables say, each brake answers, and what holds has a sentence."""
    holding = find_engaged_brakes(found, POLICY, ourselves)

    assert first_engaged(found, POLICY, ourselves) == (holding[0] if holding else None)
    assert all(sentence for _, sentence in holding)


def test_every_brake_has_its_rule() -> None:
    """A brake that is a label value can also hold."""
    assert set(RULES) == set(Brake)


def test_nothing_holds_in_calm_weather() -> None:
    """The default is to go."""
    assert first_engaged(CALM, POLICY) is None


@pytest.mark.parametrize(
    ("found", "ourselves", "brake", "sentence"),
    [
        (
            replace(CALM, stopped_at=1.0, stopped_by="ann", stopped_why="deploy"),
            ProcessHealth(),
            Brake.KILL_SWITCH,
            "paused by ann: deploy (riverkeeper rescue resume)",
        ),
        (CALM, ProcessHealth(running_for=20), Brake.GRACE, "started or was suspended: rescues begin in 40 s"),
        (CALM, ProcessHealth(snapshot_age=6), Brake.STALE_SNAPSHOT, "this replica's scrape is 6.0 s old"),
        (replace(CALM, now=4600.0), ProcessHealth(), Brake.STALE_SNAPSHOT, "was last verified 3601.0 s ago"),
        (replace(CALM, path=HeartbeatPath()), ProcessHealth(), Brake.STALE_SNAPSHOT, "has not been verified yet"),
        (
            replace(CALM, path=HeartbeatPath(900.0, 999.0, "10.0.0.7 12.5 system 00000001"), started_at=13.5),
            ProcessHealth(),
            Brake.STALE_SNAPSHOT,
            "was verified on another server",
        ),
        (replace(CALM, acted_in_minute=120), ProcessHealth(), Brake.RATE, "120 jobs were rescued in the last minute"),
        (
            replace(CALM, mass=MassSilence(990.0, Cause.SILENCE, "3 of 3 fell silent")),
            ProcessHealth(),
            Brake.MASS_SILENCE,
            "3 of 3 fell silent (riverkeeper rescue release mass_silence)",
        ),
    ],
)
def test_each_brake_engages_and_names_its_reason(
    found: BrakeFacts, ourselves: ProcessHealth, brake: Brake, sentence: str
) -> None:
    """The sentence names the cause, and what an operator can do to release it."""
    holding = first_engaged(found, POLICY, ourselves)

    assert holding is not None
    assert holding[0] is brake
    assert sentence in holding[1]


SILENT = Fleet(instances=10, on_time=0, stale=10, at_once=10, newest_stale_at=990.0, newest_beat_at=990.0)


def after(mass: MassSilence, *found: MassFacts, share: float = 0.5, hold: float = 300.0) -> MassSilence:
    for fleet in found:
        mass = advance_mass(mass, fleet, share, hold)
    return mass


def limit(mass: MassSilence) -> int:
    """How many rescues the brake allows in this tick."""
    return next(count for count in (0, *SLOW_START, 10**6) if why_engaged(mass, count) or count == 10**6)


HELD = after(MassSilence(), MassFacts(1030.0, SILENT))


def test_8a_a_new_fleet_that_claims_nothing_releases_the_brake() -> None:
    """All slots died and there is nothing to claim: an idle instance that beats is enough."""
    idle = replace(SILENT, instances=11, on_time=1, at_once=0, newest_beat_at=1031.0)

    assert HELD.cause is Cause.SILENCE
    assert why_engaged(after(HELD, MassFacts(1032.0, idle)), 0) is None


def test_8b_a_fleet_of_short_jobs_does_not_hold_it_for_ever() -> None:
    """Jobs that never beat are not counted at all, instances are; and a hold ends by itself."""
    assert (
        why_engaged(after(MassSilence(), MassFacts(1000.0, Fleet(instances=10, on_time=10, newest_beat_at=999.0))), 0)
        is None
    )
    assert why_engaged(after(HELD, MassFacts(1329.0, SILENT)), 0) is not None
    assert why_engaged(after(HELD, MassFacts(1330.0, SILENT)), 0) is None


def test_8c_one_process_with_a_thousand_jobs_is_one_instance() -> None:
    """The share is of processes: one of eleven dies with 1,000 of 1,100 jobs."""
    fleet = Fleet(instances=11, on_time=10, stale=1, at_once=1, newest_stale_at=960.0, newest_beat_at=999.0)

    assert after(MassSilence(), MassFacts(1000.0, fleet)) == MassSilence()


def test_8d_who_is_slow_to_come_back_is_not_rescued_in_one_go() -> None:
    """51 % have beaten after an outage: below the share, but rescues begin slowly, and the first living one stops them.

    (And none begins before a full timeout: test_path.)
    """
    half = Fleet(instances=100, on_time=51, stale=49, at_once=49, newest_stale_at=400.0, newest_beat_at=1000.0)
    begun = after(MassSilence(), MassFacts(1000.0, half, path_broke=True))
    first = after(begun, MassFacts(1002.0, half, acted_in_step=1))
    stopped = after(first, MassFacts(1004.0, half, acted_in_step=4, false_rescues=1))

    assert (limit(begun), limit(first), limit(stopped)) == (1, 10, 0)
    assert stopped.cause is Cause.ALIVE


def test_8e_a_small_fleet_has_a_brake_too() -> None:
    """Three instances are enough for the share; below that slow start after a broken path is the brake."""
    three = Fleet(instances=3, on_time=0, stale=3, at_once=3, newest_stale_at=990.0, newest_beat_at=990.0)
    two = replace(three, instances=2, stale=2, at_once=2)

    assert limit(after(MassSilence(), MassFacts(1030.0, three))) == 0
    assert limit(after(MassSilence(), MassFacts(1030.0, two))) == 10**6
    assert limit(after(MassSilence(), MassFacts(1030.0, two, path_broke=True))) == 1


def test_8f_a_promoted_standby_that_lost_beats_begins_slowly() -> None:
    """Another server breaks the path; the share of a partition below max_share then meets slow start."""
    part = Fleet(instances=100, on_time=55, stale=45, at_once=45, newest_stale_at=960.0, newest_beat_at=999.0)

    assert limit(after(MassSilence(), MassFacts(1000.0, part, path_broke=True))) == 1


def test_after_a_hold_rescues_begin_slowly() -> None:
    """1, 10, 100 a tick, each step only after the one before rescued something; then the watch goes on for a while."""
    answered = replace(SILENT, at_once=0)
    mass, steps = after(HELD, MassFacts(1330.0, SILENT)), []
    for tick in range(5):
        steps.append(limit(mass))
        mass = after(mass, MassFacts(1332.0 + tick, answered))  # nothing to rescue: no step
        mass = after(mass, MassFacts(1332.5 + tick, answered, acted_in_step=1))

    assert steps == [1, 10, 100, 10**6, 10**6]
    assert after(mass, MassFacts(1400.0, answered, false_rescues=1)).cause is Cause.ALIVE
    assert after(mass, MassFacts(2000.0, answered)).slow_from is None


def test_no_beat_releases_a_hold_for_living_jobs() -> None:
    """After false rescues a beat releases nothing: an operator or time does."""
    alive = after(after(HELD, MassFacts(1330.0, SILENT)), MassFacts(1332.0, SILENT, acted_in_step=1, false_rescues=1))
    beaten = replace(SILENT, on_time=9, newest_beat_at=1334.0)

    assert limit(after(alive, MassFacts(1335.0, beaten))) == 0
    assert limit(after(replace(alive, released_at=1334.0), MassFacts(1335.0, beaten))) == 1
    assert limit(after(alive, MassFacts(1632.0, beaten))) == 1


def test_an_operator_releases_a_brake() -> None:
    """A release counts for the engagement it was meant for, not for the next one."""
    assert limit(after(replace(HELD, released_at=1031.0), MassFacts(1032.0, SILENT))) == 1
    assert limit(after(replace(HELD, released_at=1029.0), MassFacts(1032.0, SILENT))) == 0


def test_silence_that_was_answered_does_not_engage_again() -> None:
    """After a deploy the old instances stay stale for as long as they are remembered; only newly stale ones count."""
    released = after(HELD, MassFacts(1330.0, SILENT))

    assert released.answered_to == 990.0
    assert after(released, MassFacts(1332.0, replace(SILENT, at_once=0))).engaged_at is None
    assert after(released, MassFacts(1332.0, replace(SILENT, at_once=6))).engaged_at == 1332.0


def test_a_deploy_is_no_mass_event() -> None:
    """500 of 1,000 jobs lose their 5 of 10 instances within a minute, while 5 old and 5 new ones beat: no hold."""
    deploy = Fleet(instances=15, on_time=10, stale=5, at_once=5, newest_stale_at=960.0, newest_beat_at=999.0)

    assert after(MassSilence(), MassFacts(1000.0, deploy)) == MassSilence()


@given(masses, st.lists(st.builds(MassFacts, st.floats(0, 1e6), fleets, st.booleans(), counts, counts), max_size=6))
def test_the_mass_brake_is_total(mass: MassSilence, ticks: list[MassFacts]) -> None:
    """From any state, through any ticks, it answers, and gives the reason of each engaged brake."""
    for mass_after in (after(mass, *ticks[:count]) for count in range(len(ticks) + 1)):
        assert why_engaged(mass_after, 0) != ""


@given(st.lists(st.builds(MassFacts, st.floats(0, 1e4), fleets, st.booleans(), counts, counts), max_size=8))
def test_the_mass_brake_never_holds_for_ever(ticks: list[MassFacts]) -> None:
    """Whatever happened, with nothing new it lets go after mass_hold."""
    mass = after(MassSilence(), *sorted(ticks, key=lambda reading: reading.now))

    assert limit(after(mass, MassFacts(2e4), MassFacts(2e4 + 300.0))) > 0
