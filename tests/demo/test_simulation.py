"""The simulated fleet keeps River's habits, whatever happens in which order."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.demo.attempt import Attempt, FetchedJob, Result, plan
from riverkeeper.demo.clients import DEPLOYMENTS, MIXED_DEPLOYMENTS, restart_client, start_pod
from riverkeeper.demo.kinds import BY_NAME, KINDS, QUEUES, Ending, Kind, count_arrivals
from riverkeeper.demo.simulation import (
    DEPLOY_SECONDS,
    KILL_FROM,
    KILLED_SERVICE,
    PAUSE_EVERY,
    PAUSE_SECONDS,
    RESTART_SECONDS,
    Simulation,
)
from riverkeeper.verdict.client_ids import Runtime, parse_client_id

START = 1_790_000_000.0
steps = st.lists(st.floats(0.01, 20.0), min_size=1, max_size=60)


class World:
    """A fleet with all the work it asks for; remembers who claimed what and who reported what."""

    def __init__(self, seed: int) -> None:
        self.simulation = Simulation(seed, START)
        self.now = START
        self.claimed: list[FetchedJob] = []
        self.reported: list[Result] = []
        self._ids = count(1)
        self._kinds = {queue: [kind.name for kind in KINDS if kind.queue == queue] for queue in QUEUES}

    def step(self, seconds: float) -> None:
        self.now += seconds
        self.reported += self.simulation.advance(self.now).results
        claims = [self._claim(want.queue, want.client) for want in self.simulation.wants() for _ in range(want.slots)]
        self.claimed += claims
        self.simulation.take(claims)

    def held(self) -> list[int]:
        return [job for client in self.simulation.clients for job in client.attempts]

    def _claim(self, queue: str, client: str) -> FetchedJob:
        number = next(self._ids)
        kinds = self._kinds[queue]
        return FetchedJob(number, kinds[number % len(kinds)], queue, client, 1, 3, self.now)


def played(seed: int, seconds: list[float]) -> World:
    world = World(seed)
    for step in seconds:
        world.step(step)
    return world


@given(st.integers(0, 99), steps)
@settings(max_examples=30)
def test_no_client_holds_more_than_its_slots(seed: int, seconds: list[float]) -> None:
    """River's MaxWorkers holds for each queue of each client, also while jobs hang."""
    world = World(seed)
    for step in seconds:
        world.step(step)
        for client in world.simulation.clients:
            for queue, slots in client.deployment.slots.items():
                assert sum(attempt.claim.queue == queue for attempt in client.attempts.values()) <= slots


@given(st.integers(0, 99), steps)
@settings(max_examples=30)
def test_each_claim_is_held_reported_once_or_lost(seed: int, seconds: list[float]) -> None:
    """A claim has one result or none, and what a dead client held is never reported."""
    world = played(seed, seconds)
    reported = [job.id for job in world.reported]
    assert len(reported) == len(set(reported))
    assert not set(reported) & set(world.held())
    assert set(reported) | set(world.held()) <= {claim.id for claim in world.claimed}


@given(st.integers(0, 99), steps)
@settings(max_examples=10)
def test_the_same_seed_plays_the_same(seed: int, seconds: list[float]) -> None:
    """Nothing but the seed and the claims decides."""
    first, second = played(seed, seconds), played(seed, seconds)
    assert first.reported == second.reported
    assert first.claimed == second.claimed


def test_a_crash_takes_the_client_and_all_it_held() -> None:
    """The crashed client is gone at once, without a word, and comes back in the same pod under another id."""
    simulation = Simulation(1, START)
    (bulk, *_) = [client for client in simulation.clients if "bulk" in client.queues]
    doomed = FetchedJob(1, "transcode_video", "bulk", bulk.id, 1, 2, START)
    beside = FetchedJob(2, "import_rows", "bulk", bulk.id, 1, 25, START)
    simulation.take([doomed, beside])
    bulk.attempts[2] = Attempt(beside, Ending.SUCCESS, START + 1000)
    crash = START + 30
    assert [job.id for job in simulation.advance(crash).results] == []
    assert not simulation.lives(bulk.id)
    (back,) = simulation.advance(crash + RESTART_SECONDS).started
    assert back.host == bulk.host
    assert back.id != bulk.id


def test_a_deployment_gives_back_what_it_can_stop() -> None:
    """Ordinary jobs go back to the queue, hung ones stay running in the table, and a new pod starts."""
    simulation = Simulation(1, START)
    oldest = simulation.clients[0]
    polite = FetchedJob(1, "sync_crm", "default", oldest.id, 1, 5, START + DEPLOY_SECONDS)
    hung = FetchedJob(2, "export_ledger", "default", oldest.id, 1, 2, START)
    simulation.take([polite, hung])
    turn = simulation.advance(START + DEPLOY_SECONDS)
    assert [(job.id, job.state, job.attempt) for job in turn.results] == [(1, "available", 0)]
    assert turn.stopped == [oldest]
    assert [client.deployment for client in turn.started] == [oldest.deployment]
    assert turn.started[0].host != oldest.host


def test_a_worker_is_killed_now_and_then() -> None:
    """The one that holds most jobs; the jobs are named with it, and nobody reports them."""
    simulation = Simulation(1, START)
    first, second = [client for client in simulation.clients if client.deployment.name == KILLED_SERVICE]
    simulation.take(FetchedJob(job, "build_report", "reports", second.id, 1, 25, START + KILL_FROM) for job in (1, 2))
    simulation.take([FetchedJob(3, "build_report", "reports", first.id, 1, 25, START + KILL_FROM)])
    assert simulation.advance(START + KILL_FROM - 1).killed == []
    turn = simulation.advance(START + KILL_FROM)
    assert [sorted(client.attempts) for client in turn.killed] == [[1, 2]]
    assert turn.results == []
    assert simulation.lives(first.id)
    assert not simulation.lives(second.id)


def test_a_first_attempt_hangs_once() -> None:
    """export_ledger makes progress for a while, hangs, and is reported as hung once; its second attempt succeeds."""
    simulation = Simulation(1, START)
    client = next(client for client in simulation.clients if "reports" in client.queues)
    simulation.take([FetchedJob(1, "export_ledger", "reports", client.id, 1, 25, START)])
    hung = simulation.advance(START + 12).hung
    assert [attempt.claim.id for attempt in hung] == [1]
    assert simulation.advance(START + 13).hung == []
    assert 0 < hung[0].progress(hung[0].hangs_at or 0.0) < 1
    simulation.take([FetchedJob(1, "export_ledger", "reports", client.id, 2, 25, START + 13)])
    assert [written.state for written in simulation.advance(START + 40).results] == ["completed"]


@given(st.sampled_from(KINDS), st.floats(0, 5000), st.floats(0, 60))
def test_arrivals_never_fall(kind: Kind, seconds: float, more: float) -> None:
    """The number of jobs that have come only grows, at the kind's own rate."""
    assert count_arrivals(kind, seconds) <= count_arrivals(kind, seconds + more)
    assert count_arrivals(kind, seconds) <= kind.size * (seconds / kind.every + 1) + kind.size


def test_arrivals_are_handed_out_once() -> None:
    """Two looks at the same moment bring no job twice, and steps of any size bring as many in the end."""
    steady, jumping = Simulation(1, START), Simulation(1, START)
    total = dict.fromkeys(BY_NAME, 0)
    for tick in range(601):
        for kind, jobs in steady.arrivals(START + tick / 10):
            total[kind.name] += jobs
    assert steady.arrivals(START + 60) == []
    assert {kind.name: jobs for kind, jobs in jumping.arrivals(START + 60)} == total


def test_the_fleet_is_as_busy_as_promised() -> None:
    """50 to 150 jobs a second, on all four priorities and four queues."""
    minutes = 600.0
    assert 50 <= sum(count_arrivals(kind, minutes) for kind in KINDS) / minutes <= 150
    assert {kind.priority for kind in KINDS} == {1, 2, 3, 4}
    assert {"default", "mail", "reports", "bulk"} <= set(QUEUES)
    assert {queue for deployment in DEPLOYMENTS for queue in deployment.slots} == set(QUEUES)


def test_the_leader_stays_while_it_lives() -> None:
    """A living leader is its own candidate; without one, somebody alive is."""
    simulation = Simulation(1, START)
    leader = simulation.candidate(None)
    assert simulation.lives(leader)
    assert simulation.candidate(leader) == leader
    assert simulation.lives(simulation.candidate("web-gone_2026"))


def test_the_queue_is_paused_for_a_while_now_and_then() -> None:
    """Ten seconds of every ninety."""
    simulation = Simulation(1, START)
    paused = sum(simulation.paused(START + second) for second in range(int(10 * PAUSE_EVERY)))
    assert paused == 10 * PAUSE_SECONDS
    assert not simulation.paused(START)


def test_a_mixed_fleet_has_the_ids_the_clocks_and_the_rhythms_of_its_runtimes() -> None:
    """Each id is read as its runtime's, but that of JavaScript; Ruby and Java date their claims by their own clocks."""
    simulation = Simulation(1, START, MIXED_DEPLOYMENTS)
    for client in simulation.clients:
        known = parse_client_id(client.id)
        assert (known and known.runtime) is client.deployment.runtime
        assert client.id != restart_client(client, START + 1, Random(2)).id
        own = client.deployment.runtime in {Runtime.RUBY, Runtime.JAVA}
        assert (client.deployment.claims_ahead != 0) is own
    by_form = {Runtime.GO, Runtime.RUST, Runtime.RUBY, Runtime.JAVA}  # None: JavaScript, whose ids have no known form
    assert {client.deployment.runtime for client in simulation.clients} == {*by_form, None}
    assert {queue: simulation.refresh_seconds(queue) for queue in QUEUES} == {
        "bulk": 5.0, "default": 30.0, "mail": 30.0, "reports": 30.0, "video": 30.0,
    }  # fmt: skip
    assert {Simulation(1, START).refresh_seconds(queue) for queue in QUEUES} == {600.0}
    assert {queue for deployment in MIXED_DEPLOYMENTS for queue in deployment.slots} == set(QUEUES)


def test_a_run_lasts_as_long_whatever_clock_dates_its_claim() -> None:
    """The same job of a client whose clock is behind ends at the same moment."""
    right = FetchedJob(1, "send_email", "mail", "web", 1, 5, START)
    behind = replace(right, attempted_at=START - 20, ahead=-20.0)

    assert (
        plan(behind, BY_NAME["send_email"], Random(1)).ends_at == plan(right, BY_NAME["send_email"], Random(1)).ends_at
    )


def test_clients_are_named_as_river_names_them() -> None:
    """Host and start time in UTC by the worker's clock: web-7d9f_2026_08_07T14_32_57_123456."""
    simulation = Simulation(1, START)
    for client in simulation.clients:
        assert re.fullmatch(r"[a-z]+-[0-9a-f]{4}_\d{4}_\d\d_\d\dT\d\d_\d\d_\d\d_\d{6}", client.id)
    first = simulation.clients[0]
    assert restart_client(first, START + 1, Random(1)).host == first.host
    assert start_pod(first.deployment, START, Random(2)).host != first.host
