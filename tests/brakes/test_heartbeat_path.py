"""Missed heartbeats count only while the heartbeat path is verified."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.brakes.heartbeat_path import (
    FLEET_SECONDS,
    Fleet,
    HeartbeatPath,
    PreviousProbe,
    ProbeResult,
    advance_path,
    find_late_fleet,
    find_verified_since,
    fleet_counted_to,
    is_verified_on,
    patience,
)
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Tier
from riverkeeper.verdict.limits import limits_of

many = settings(max_examples=3000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 150)
STANDARD, URGENT = Tier("standard"), Tier("urgent", heartbeat_timeout=7.0)
PATIENCE = patience(Policy({"standard": STANDARD, "urgent": URGENT}))


def at(now: float, server: str = "one", **rest: object) -> ProbeResult:
    return ProbeResult(now, now, server, **rest)  # type: ignore[arg-type]


OPEN = HeartbeatPath(1000.0, 1100.0, "one", "open")
BEFORE = PreviousProbe(at(1100.0))


def test_a_probe_in_time_prolongs_the_stretch() -> None:
    """Nothing speaks against it: the stretch began when it began."""
    assert advance_path(OPEN, BEFORE, at(1102.0), PATIENCE) == replace(OPEN, probe_at=1102.0)


@pytest.mark.parametrize(
    ("before", "seen", "why"),
    [
        (BEFORE, at(1104.0), "no probe for 4.0 s"),
        (None, at(1104.0), "no probe for 4.0 s"),
        (BEFORE, at(1102.0, "two"), "another server answers: the database failed over or restarted"),
        (PreviousProbe(at(1100.0), failed=True), at(1101.0), "a probe failed in between"),
        (
            PreviousProbe(at(1100.0), failed=True),
            at(1109.0, "two"),
            "another server answers: the database failed over or restarted",
        ),
        (
            BEFORE,
            ProbeResult(1101.0, 1104.5, "one"),
            "one of the clocks (database, this process) was set: a step of 3.5 s",
        ),
        (BEFORE, at(1040.0), "the database's clock went back by 60.0 s"),
        (BEFORE, at(4702.0), "no probe for 3602.0 s"),
    ],
)
def test_whatever_may_have_stopped_a_beat_begins_the_stretch_anew(
    before: PreviousProbe | None, seen: ProbeResult, why: str
) -> None:
    """A gap, another server, a failed probe, a step of a clock: each by itself."""
    path = advance_path(OPEN, before, seen, PATIENCE)

    assert (path.ok_since, path.why, path.before_to) == (seen.now, why, 1100.0)


def test_a_fleet_that_is_late_as_a_whole_breaks_the_path_until_one_client_beats() -> None:
    """While no client beats no missed beat counts; the first beat, also of an idle client, begins a new stretch."""
    silent = Fleet(instances=3, on_time=0, newest_beat_at=1080.0)
    closed = advance_path(OPEN, BEFORE, at(1102.0, fleet=silent), PATIENCE)
    still = advance_path(closed, PreviousProbe(at(1102.0)), at(1104.0, fleet=silent), PATIENCE)
    opened = advance_path(
        still, PreviousProbe(at(1104.0)), at(1106.0, fleet=replace(silent, on_time=1, newest_beat_at=1105.0)), PATIENCE
    )

    assert (closed.ok_since, still.ok_since, opened.ok_since) == (None, None, 1106.0)
    assert closed.before_to == opened.before_to == 1100.0


@pytest.mark.parametrize(
    ("fleet", "released_at"),
    [
        (Fleet(instances=1, on_time=0, newest_beat_at=1000.0), None),
        (Fleet(instances=2, on_time=1, newest_beat_at=1099.0), None),
        (Fleet(), None),
        (Fleet(instances=9, on_time=0, newest_beat_at=1000.0), 1050.0),
    ],
)
def test_one_process_a_beat_or_an_operator_keep_the_path_verified(fleet: Fleet, released_at: float | None) -> None:
    """A fleet of one process is exempt: else the job of the only worker would wait for ever."""
    assert find_late_fleet(at(1102.0, fleet=fleet, released_at=released_at)) is None


def test_who_has_not_come_back_after_an_outage_still_counts_as_one_of_the_fleet() -> None:
    """For ten minutes the fleet is counted from the end of the stretch before the outage."""
    path = advance_path(OPEN, BEFORE, at(1700.0), PATIENCE)

    assert fleet_counted_to(path, 1700.0 + FLEET_SECONDS - 1) == 1100.0
    assert fleet_counted_to(path, 1700.0 + FLEET_SECONDS) is None


def test_a_stretch_is_proven_only_while_somebody_probes() -> None:
    """An old row of a replica that stopped proves nothing, nor does one from the future."""
    assert find_verified_since(OPEN, 1102.0, PATIENCE) == 1000.0
    assert find_verified_since(OPEN, 1110.0, PATIENCE) is None
    assert find_verified_since(OPEN, 990.0, PATIENCE) is None
    assert find_verified_since(HeartbeatPath(), 1110.0, PATIENCE) is None


def test_a_stretch_was_proven_on_one_server() -> None:
    """Named by its start, to the microsecond; addresses may differ from one connection to the next."""
    path = replace(OPEN, server="10.0.0.7 1795577162.013119 7421 00000001")

    assert is_verified_on(path, 1795577162.013119)
    assert not is_verified_on(path, 1795577162.01312)
    assert is_verified_on(path, None)


@given(st.floats(0.2, 60), st.lists(st.builds(Tier, st.text(max_size=3), st.floats(0.3, 600))))
def test_patience_is_never_below_one_and_a_half_looks_nor_above_two(interval: float, tiers: list[Tier]) -> None:
    """A probe that is a little late does not break the stretch; one that is missing does."""
    policy = Policy({tier.name: tier for tier in tiers}, rescue=RescueSettings(interval=interval))
    assert 1.5 * interval <= patience(policy) <= 2 * interval


def test_patience_leaves_room_for_whatever_clients_declare() -> None:
    """An outage of that length between two beats of any declared interval stays within the limit in force."""
    assert PATIENCE == 3.0
    for declared in (0.5, 2.0, 7 / 3, 2.5, 4.0, 30.0):
        policy = Policy({"urgent": URGENT}, rescue=RescueSettings(interval=1.0))
        limit = limits_of(policy, URGENT, "email", interval=declared).heartbeat.seconds
        assert 2 * declared + patience(policy) <= limit + 1e-9


@dataclass
class World:
    """A database, its replica and workers that never die, on one true clock."""

    tier: Tier
    interval: int  # that its workers declare, seconds
    path: HeartbeatPath = field(default_factory=HeartbeatPath)
    before: PreviousProbe | None = None
    beats: list[float] = field(default_factory=list)  # by worker, the database's clock
    falsely_lost: list[tuple[float, float]] = field(default_factory=list)

    def step(self, true: float, *, reachable: bool, watching: bool, shift: float, server: str, phase: int) -> None:
        now = true + shift
        for number in range(len(self.beats)):
            if reachable and (phase + number * 3) % self.interval == 0:
                self.beats[number] = now
        if watching and not reachable and self.before:
            self.before = replace(self.before, failed=True)
        if watching and reachable:
            late, silent = 2 * self.interval, [now - beat for beat in self.beats]
            fleet = Fleet(len(silent), sum(age <= late for age in silent), newest_beat_at=max(self.beats))
            seen = ProbeResult(now, true, server, fleet)
            self.path, self.before = advance_path(self.path, self.before, seen, PATIENCE), PreviousProbe(seen)
            self.judge(now)

    def judge(self, now: float) -> None:
        since = find_verified_since(self.path, now, PATIENCE)
        for beat in self.beats:
            if since is not None and now - max(beat, since) > self.tier.heartbeat_timeout:
                self.falsely_lost.append((now, beat))


weathers = st.lists(
    st.tuples(
        st.integers(1, 200),  # seconds
        st.booleans(),  # the database can be reached
        st.booleans(),  # the keeper runs
        st.sampled_from([0.0, 0.0, 0.0, 3600.0, -3600.0, 10.0, -10.0]),  # a step of the database's clock
        st.booleans(),  # it failed over, and lost the last beats
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.long
@many
@given(weathers, st.sampled_from([(STANDARD, 10), (STANDARD, 11), (URGENT, 2)]), st.integers(1, 3))
def test_after_any_outage_every_claim_gets_a_full_timeout(
    weather: list[tuple[int, bool, bool, float, bool]], tier: tuple[Tier, int], workers: int
) -> None:
    """Outages, pauses of Riverkeeper, clock steps and failovers, in any order: no worker that lives is called lost."""
    world, true, shift, server = World(*tier, beats=[0.0] * workers), 0.0, 0.0, 0
    for seconds, reachable, watching, step, failover in weather:
        shift, server = shift + step, server + failover
        if failover:
            world.beats = [beat - 30.0 for beat in world.beats]
        for _ in range(seconds):
            world.step(
                true, reachable=reachable, watching=watching, shift=shift, server=str(server), phase=int(true)
            )  # fmt: skip
            true += 1.0

    assert world.falsely_lost == []
