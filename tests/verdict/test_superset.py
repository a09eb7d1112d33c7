"""Nothing stuck is passed over, on tables filled at random; and ten thousand stuck jobs are read at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.random_tables import fill, fill_heartbeats
from fixtures.scrape import read
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.river.running import read_running
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader, read_instances
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.screening import Thresholds
from riverkeeper.verdict.suspects import WorkerInstances
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limits
from scrape.test_verdicts import OPEN, POLICY, WITH_POLICY, beat


@pytest.fixture
def river_url(installed_url: str) -> str:
    """A River with a keeper schema."""
    return installed_url


@pytest.mark.parametrize("seed", range(4))
def test_nothing_stuck_is_passed_over(river_url: str, seed: int) -> None:
    """On tables filled at random: the same verdicts as from looking at every running row."""
    with Session(river_url) as sql:
        fill(sql, seed, 600, states=("running",))
        fill_heartbeats(sql, seed)
    learned = {"report": Learned(500, 0.99, 200.0, 86400.0)}
    readable = ReadableTables(heartbeats=True, audit=True)
    reader = SuspectReader(POLICY)
    database = Database(river_url)
    with database.reading(30, {"river": "public", "keeper": "riverkeeper"}) as tx:
        now = tx.query("river/open_transaction")[0].now
        since = now - 3000
        running = read_running(tx, POLICY.heartbeat.metadata_interval, heartbeats=True)
        found = reader.read(tx, running, learned, readable, now, since)
        known = WorkerInstances(read_instances(tx))
        workers = replace(known, suspect_since=reader.read_clients(tx, readable, known, now))
        everything = [Thresholds(p.queue, p.kind, p.priority, 10.0, run=-1e9) for p in running.pairs]
        every = [reader.running_job(row, workers, now) for row in reader.read_rows(tx, everything, workers, readable)]
    database.close()

    verdicts = {job.claim.job_id: judge(job, POLICY, _limits(job, learned), now, since) for job in every}
    stuck = {job_id: verdict for job_id, verdict in verdicts.items() if verdict.reason.is_stuck}
    assert {judged_job.job.claim.job_id: judged_job.verdict for judged_job in found.stuck} == stuck
    suspected = {job_id for job_id, verdict in verdicts.items() if verdict.reason.is_suspected}
    assert {judged_job.job.claim.job_id for judged_job in found.suspected} == suspected
    assert len({verdict.reason for verdict in stuck.values()}) >= 3
    assert len(every) > 400


def _limits(job: RunningJob, learned: dict[str, Learned]) -> Limits:
    return limits_of(POLICY, tier_of(POLICY, job.queue, job.kind, job.priority), job.kind, learned.get(job.kind))


def test_many_suspects_are_read_at_once(river_url: str) -> None:
    """Ten thousand lost jobs are judged in one reading, which stays within the time of a scrape."""
    with Session(river_url) as sql:
        sql.execute(OPEN)
        sql.execute(
            "INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by) SELECT 'lost', 'running', 1,"
            " now() - interval '100 s', ARRAY['w'] FROM generate_series(1, 10000)"
        )
        beat(sql, "lost", 60)
    judged = read(river_url, WITH_POLICY).verdicts

    assert judged is not None
    assert judged.counts == {("default", "lost", "standard", "worker_lost"): 10_000}
