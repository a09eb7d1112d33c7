"""The simulated fleet beats as a real client does, and its lost jobs are followed in the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from riverkeeper.demo.attempt import Attempt, FetchedJob
from riverkeeper.demo.clients import Client, Deployment
from riverkeeper.demo.heartbeats import BEAT_SECONDS, DemoHeartbeats
from riverkeeper.demo.kinds import Ending
from riverkeeper.demo.postgres import Table
from riverkeeper.demo.recovery import Fault, LostClaim
from riverkeeper.demo.watch import RecoveryWatch
from riverkeeper.postgres.connection import Session

BEATS = "SELECT job_id, beat_at, progress_at, progress FROM riverkeeper.heartbeat WHERE lost_at IS NULL ORDER BY job_id"


class Pages:
    """An exporter whose page knows no job."""

    def stuck(self) -> dict[str, object]:
        return {"jobs": [], "suspected": []}


@pytest.fixture
def table(installed_url: str) -> Iterator[Table]:
    with Session(installed_url, "test") as session:
        yield Table(session, "public")


@pytest.fixture
def client(table: Table) -> Client:
    """A worker with two running jobs: the first makes progress, the second has come to hang."""
    worker = Client(Deployment("reports", {"reports": 8}), "reports-1", 1_790_000_000.0)
    rows = table.session.execute(
        "INSERT INTO river_job (kind, queue, state, attempt, attempted_at, attempted_by)"
        " SELECT kind, 'reports', 'running', 1, now(), ARRAY[%(client)s]"
        " FROM unnest('{build_report,export_ledger}'::text[]) WITH ORDINALITY AS k (kind, number) ORDER BY number"
        " RETURNING id, kind, extract(epoch FROM attempted_at)::double precision AS at",
        {"client": worker.id},
    )
    for row in rows:
        claim = FetchedJob(row.id, row.kind, "reports", worker.id, 1, 25, row.at)
        hangs = row.at + 1 if row.kind == "export_ledger" else None
        worker.attempts[row.id] = Attempt(claim, Ending.SUCCESS, row.at + 60, reports=True, hangs_at=hangs)
    return worker


def test_a_hung_job_beats_without_progress(table: Table, client: Client, installed_url: str) -> None:
    """Its worker beats on: a beat proves that the process lives, not that the job moves."""
    heartbeats = DemoHeartbeats(installed_url, table)
    start = min(attempt.claim.attempted_at for attempt in client.attempts.values())
    heartbeats.beat([client], start + 2)
    first = table.session.execute(BEATS)
    heartbeats.beat([client], start + 2 + BEAT_SECONDS)
    second = table.session.execute(BEATS)
    heartbeats.close()

    assert [before.beat_at < after.beat_at for before, after in zip(first, second, strict=True)] == [True, True]
    assert [before.progress_at < after.progress_at for before, after in zip(first, second, strict=True)] == [
        True,
        False,
    ]
    assert first[1].progress == second[1].progress
    (process,) = table.session.execute("SELECT client_id, fences FROM riverkeeper.client")
    assert (process.client_id, process.fences) == (client.id, True)


def test_a_killed_worker_beats_no_more(table: Table, client: Client, installed_url: str) -> None:
    """Nor does one whose time has not come."""
    heartbeats = DemoHeartbeats(installed_url, table)
    heartbeats.beat([client], 1000.0)
    first = table.session.execute(BEATS)
    heartbeats.beat([client], 1000.0 + BEAT_SECONDS / 2)
    heartbeats.beat([], 1000.0 + 2 * BEAT_SECONDS)

    assert first
    assert table.session.execute(BEATS) == first


def test_a_lost_claim_is_no_longer_beaten_for(table: Table, client: Client, installed_url: str) -> None:
    """The database answers that the claim is over; the other job beats on."""
    gone, left = client.attempts.values()
    table.session.execute("UPDATE river_job SET state = 'available' WHERE id = %(id)s", {"id": gone.claim.id})
    heartbeats = DemoHeartbeats(installed_url, table)
    heartbeats.beat([client], 1000.0)
    heartbeats.close()

    assert (gone.lost, left.lost) == (True, False)


def test_a_lost_job_is_followed_until_it_runs_again(table: Table, client: Client) -> None:
    """A line when the next attempt has begun, by the database's times; a reason once where that takes too long."""
    said: list[str] = []
    watch = RecoveryWatch(table, Pages(), said.append)
    back, waits = (attempt.claim for attempt in client.attempts.values())
    watch.add(
        LostClaim(claim.id, claim.kind, claim.claimed_at, Fault.KILLED, claim.attempted_at + 1)
        for claim in (back, waits)
    )
    watch.look(back.attempted_at + 2)
    assert said == []
    table.session.execute(
        "INSERT INTO riverkeeper.rescue (at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier,"
        " reason, action, evidence, woken_by, keeper)"
        " SELECT attempted_at + interval '7 s', false, id, attempted_at, 1, queue, kind, 1, 'standard', 'worker_lost',"
        " 'retry', '{}', 'supervisor', gen_random_uuid() FROM river_job WHERE id = %(id)s",
        {"id": back.id},
    )
    table.session.execute(
        "UPDATE river_job SET attempt = 2, attempted_at = attempted_at + interval '10 s' WHERE id = %(id)s",
        {"id": back.id},
    )
    watch.look(back.attempted_at + 12)
    watch.look(back.attempted_at + 100)
    watch.look(back.attempted_at + 200)
    assert said == [
        f"build_report {back.id}: worker killed, noticed after 6 s, running again after 9 s",
        f"export_ledger {waits.id}: worker killed, not noticed yet: its limit has not passed",
    ]
    assert watch.back == 1
