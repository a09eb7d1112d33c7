"""The simulated fleet on a real server: the table ends up as River's clients would leave it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from riverkeeper.demo.attempt import Result
from riverkeeper.demo.fleet import DemoFleet
from riverkeeper.demo.kinds import QUEUES
from riverkeeper.demo.maintenance import KEEP_SECONDS, RESCUE_AFTER_SECONDS
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.demo.recovery import Fault, LostClaim
from riverkeeper.demo.simulation import PAUSE_FROM, PAUSED_QUEUE, Simulation
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.transaction import Row

SCHEMA = "Jobs 100%"  # a name that must be quoted, with the driver's own sign in it
PLAYED_SECONDS = 60
TICKS = 5  # a second


@dataclass
class Play:
    """A fleet whose clock runs as fast as the machine can; the table's waiting jobs are moved along with it."""

    fleet: DemoFleet
    simulation: Simulation
    sql: Session
    now: float
    lost: list[LostClaim] = field(default_factory=list)

    def on(self, seconds: float) -> None:
        for tick in range(int(seconds * TICKS)):
            self.now += 1 / TICKS
            self.lost += self.fleet.tick(self.now)
            if tick % TICKS == 0:
                self.sql.execute(
                    "UPDATE river_job SET scheduled_at = scheduled_at - interval '1 second'"
                    " WHERE finalized_at IS NULL AND state <> 'running' AND scheduled_at > now()"
                )

    def rows(self, question: str) -> list[Row]:
        return self.sql.execute(question)

    def one(self, question: str) -> Row:
        (row,) = self.sql.execute(question)
        return row


def begun(url: str, sql: Session) -> Play:
    create_river_table(url, SCHEMA)
    sql.execute(f'SET search_path = "{SCHEMA}"')
    start = time.time()
    simulation = Simulation(7, start)
    return Play(DemoFleet(sql, SCHEMA, simulation), simulation, sql, start)


@pytest.fixture(scope="module")
def played(postgres: Server) -> Iterator[Play]:
    """A minute of the fleet's life. Tests that read it change nothing."""
    url = postgres.database("demo_played")
    with Session(url, "test") as sql:
        play = begun(url, sql)
        play.on(PLAYED_SECONDS)
        yield play


@pytest.fixture
def play(river_url: str) -> Iterator[Play]:
    """A fleet of its own, just begun."""
    with Session(river_url, "test") as sql:
        yield begun(river_url, sql)


def test_every_state_is_seen(played: Play) -> None:
    """Within a minute each outcome has happened, and jobs run, wait for a retry, and snooze."""
    states = {row.state for row in played.rows("SELECT DISTINCT state::text AS state FROM river_job")}
    assert {"running", "completed", "discarded", "cancelled", "retryable", "scheduled"} <= states


def test_the_fleet_knows_what_it_finished(played: Play) -> None:
    """Its tally is the table's: the exporter is later held against it."""
    rows = played.rows(
        "SELECT state::text AS state, count(*) AS jobs FROM river_job WHERE finalized_at < 'infinity' GROUP BY 1"
    )
    assert {row.state: row.jobs for row in rows} == dict(played.fleet.finished)


def test_attempts_are_counted_as_river_counts_them(played: Play) -> None:
    """Each claim appends its client; attempts stay within max_attempts; a snooze gives its attempt back."""
    wrong = played.one(
        "SELECT count(*) FILTER (WHERE attempt > max_attempts) AS too_many,"
        " count(*) FILTER (WHERE coalesce(cardinality(attempted_by), 0) < attempt) AS unclaimed,"
        " count(*) FILTER (WHERE metadata ? 'snoozes' AND cardinality(attempted_by)"
        "   < attempt + (metadata ->> 'snoozes')::integer) AS snoozed"
        " FROM river_job"
    )
    assert tuple(wrong) == (0, 0, 0)
    assert played.one("SELECT max((metadata ->> 'snoozes')::integer) AS most FROM river_job").most > 1


def test_a_discarded_job_has_an_error_for_each_attempt(played: Play) -> None:
    """charge_card is discarded after three failures, each recorded in River's shape, the attempts in order."""
    rows = played.rows("SELECT errors, attempt FROM river_job WHERE kind = 'charge_card' AND state = 'discarded'")
    assert rows
    for row in rows:
        assert [error["attempt"] for error in row.errors] == [1, 2, 3]
        assert all(set(error) == {"at", "attempt", "error", "trace"} for error in row.errors)


def test_the_workers_clock_finalizes(played: Play) -> None:
    """A mailer's clock is three seconds ahead: its jobs seem to run longer; a late one's, less than nothing."""
    said = played.one(
        "SELECT min(finalized_at - attempted_at) FILTER (WHERE attempted_by[cardinality(attempted_by)] LIKE 'mailer%')"
        " >= interval '3 seconds' AS ahead, bool_or(finalized_at < attempted_at) AS behind"
        " FROM river_job WHERE state = 'completed'"
    )
    assert (said.ahead, said.behind) == (True, True)


def test_a_crashed_clients_jobs_stay_running(played: Play) -> None:
    """transcode_video killed its client: its row, and those beside it, run on under an id that nobody has any more."""
    living = [client.id for client in played.simulation.clients]
    rows = played.sql.execute(
        "SELECT kind FROM river_job WHERE state = 'running' AND NOT attempted_by[cardinality(attempted_by)]"
        " = ANY(%(living)s)",
        {"living": living},
    )
    assert {"transcode_video", "parse_upload"} <= {row.kind for row in rows}
    assert {("transcode_video", Fault.KILLED), ("export_ledger", Fault.HUNG)} <= {
        (lost.kind, lost.fault) for lost in played.lost
    }


def test_queues_and_leader_have_their_rows(played: Play) -> None:
    """Every queue has a row, and one client leads, or did until it crashed."""
    assert {row.name for row in played.rows("SELECT name FROM river_queue")} == set(QUEUES)
    leader = played.one("SELECT leader_id, expires_at > elected_at AS lasting FROM river_leader")
    assert leader.lasting
    claimed = "SELECT count(*) AS jobs FROM river_job WHERE %(leader)s = ANY(attempted_by)"
    assert played.sql.execute(claimed, {"leader": leader.leader_id})[0].jobs


def test_priorities_and_periodic_jobs(played: Play) -> None:
    """All four priorities are used, and jobs that a clock inserted are marked as such."""
    assert [row.priority for row in played.rows("SELECT DISTINCT priority FROM river_job ORDER BY 1")] == [1, 2, 3, 4]
    assert played.one("SELECT count(*) AS jobs FROM river_job WHERE metadata @> '{\"periodic\": true}'").jobs > 5


def test_live_counts(played: Play) -> None:
    """The status line counts what the table holds."""
    live = played.fleet.live()
    assert live.running == played.one("SELECT count(*) AS jobs FROM river_job WHERE state = 'running'").jobs
    assert live.failing > 0


def test_a_paused_queue_is_not_fetched(play: Play) -> None:
    """Nobody claims from a queue with paused_at; resumed, it is worked again."""
    play.on(1)
    play.sql.execute("UPDATE river_queue SET paused_at = now() WHERE name = 'default'")
    before = play.one("SELECT max(attempted_at) AS at FROM river_job WHERE queue = 'default'").at
    play.on(1)
    assert play.one("SELECT max(attempted_at) AS at FROM river_job WHERE queue = 'default'").at == before
    play.sql.execute("UPDATE river_queue SET paused_at = NULL")
    play.on(1)
    assert play.one("SELECT max(attempted_at) AS at FROM river_job WHERE queue = 'default'").at > before


def test_the_fleet_pauses_a_queue_now_and_then(play: Play) -> None:
    """paused_at is set for the length of the pause, and cleared."""
    question = "SELECT name FROM river_queue WHERE paused_at IS NOT NULL"
    play.on(1)
    play.fleet.tick(play.simulation.start + PAUSE_FROM + 1)
    assert play.one(question).name == PAUSED_QUEUE
    play.fleet.tick(play.simulation.start + PAUSE_FROM + 20)
    assert play.rows(question) == []


def test_the_rescuer_retries_discards_or_cancels(play: Play) -> None:
    """As River's: retryable with its error and a count, discarded when used up, cancelled where that was requested."""
    play.on(1)
    old = RESCUE_AFTER_SECONDS + 1
    for attempt, age, metadata in (
        (1, old, "{}"),
        (2, old, '{"river:rescue_count": 4}'),
        (1, old, '{"cancel_attempted_at": "2026-01-01T00:00:00Z"}'),
        (1, 10, "{}"),
    ):
        play.sql.execute(
            "INSERT INTO river_job (kind, queue, state, attempt, max_attempts, attempted_at, metadata)"
            " VALUES ('lost', 'elsewhere', 'running', %(attempt)s, 2, now() - %(age)s * interval '1 second', %(m)s)",
            {"attempt": attempt, "age": age, "m": metadata},
        )
    play.now += 60
    play.on(1)
    rows = play.rows(
        "SELECT state::text AS state, errors[1] ->> 'error' AS error, metadata ->> 'river:rescue_count' AS rescues,"
        " finalized_at IS NOT NULL AS final FROM river_job WHERE kind = 'lost' ORDER BY id"
    )
    error = "Stuck job rescued by JobRescuer"
    retried = "available" if rows[0].state == "available" else "retryable"  # the scheduler may have moved it already
    assert [tuple(row) for row in rows] == [
        (retried, error, "1", False),
        ("discarded", error, "5", True),
        ("cancelled", error, "1", True),
        ("running", None, None, False),
    ]


def test_the_cleaner_deletes_what_is_old(play: Play) -> None:
    """Completed and cancelled rows go after a while, discarded ones later, live ones never."""
    play.on(1)
    play.sql.execute(
        "INSERT INTO river_job (kind, state, finalized_at, scheduled_at)"
        " SELECT 'old', state::river_job_state, CASE WHEN state <> 'pending' THEN at END, at"
        " FROM (SELECT now() - %(age)s * interval '1 second' AS at) AS long_ago,"
        " unnest('{completed,cancelled,discarded,pending}'::text[]) AS state",
        {"age": KEEP_SECONDS + 60},
    )
    play.now += 60
    play.on(1)
    rows = play.rows("SELECT state::text AS state FROM river_job WHERE kind = 'old' ORDER BY state")
    assert [row.state for row in rows] == ["discarded", "pending"]


def test_another_client_leads_when_the_leader_is_gone(play: Play) -> None:
    """A dead leader's term must end first; one that stops in order makes room at once."""
    play.on(1)
    first = play.one("SELECT leader_id FROM river_leader").leader_id
    gone = next(client for client in play.simulation.clients if client.id == first)
    play.simulation.clients.remove(gone)
    play.now += 6
    play.on(1)
    assert play.one("SELECT leader_id FROM river_leader").leader_id == first
    play.sql.execute("UPDATE river_leader SET expires_at = now() - interval '1 second'")
    play.now += 6
    play.on(1)
    second = play.one("SELECT leader_id FROM river_leader").leader_id
    assert play.simulation.lives(second)
    stopped = next(client for client in play.simulation.clients if client.id == second)
    play.fleet._maintenance.resign([stopped])
    assert play.rows("SELECT leader_id FROM river_leader") == []


def test_a_late_result_changes_nothing_but_a_running_row(play: Play) -> None:
    """By id and `running` only, as River's completer: no more is checked, and a cancel requested wins over a retry."""
    play.sql.execute(
        "INSERT INTO river_job (id, kind, state, attempt, metadata, finalized_at) VALUES"
        " (-1, 'x', 'running', 2, '{}', NULL), (-2, 'x', 'retryable', 1, '{}', NULL),"
        " (-3, 'x', 'running', 1, '{\"cancel_attempted_at\": \"2026-01-01T00:00:00Z\"}', NULL)"
    )
    play.fleet._report(
        [Result(-1, "completed", finalized_at=play.now), Result(-2, "completed", finalized_at=play.now)]
        + [Result(-3, "retryable", scheduled_at=play.now + 60)]
    )
    rows = play.rows("SELECT id, state::text AS state FROM river_job WHERE id < 0 ORDER BY id DESC")
    assert [tuple(row) for row in rows] == [(-1, "completed"), (-2, "retryable"), (-3, "cancelled")]
