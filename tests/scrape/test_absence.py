"""What the page shows where there is nothing, not yet anything, no longer anything, or too much of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.scrape import SETTINGS, Page, page_of, read, reader
from riverkeeper.ledger.names import STICKY_SECONDS
from riverkeeper.postgres.connection import Session
from riverkeeper.river.layout import LIVE_STATES

JOB = "INSERT INTO river_job (kind, queue, scheduled_at, state, attempted_at, attempted_by, finalized_at) VALUES "
DUE = "'email', 'default', now() - interval '2 minutes'"
RUNNING = JOB + f"({DUE}, 'running', now() - interval '90 seconds', '{{host-a}}', NULL)"
COMPLETED = JOB + f"({DUE}, 'completed', now() - interval '2 seconds', '{{host-a}}', now())"
DELETED = "DELETE FROM river_job"


def page(url: str) -> Page:
    snapshot = read(url)
    assert snapshot.error is None
    return page_of(snapshot)


def test_an_empty_river_has_no_ages(river_url: str) -> None:
    """A database without jobs is up, and shows no moment, age or count of anything: absent, never 0."""
    shown = page(river_url)

    assert {name for name in shown.samples if name.startswith("river_")} == {
        "river_up",
        "river_migration_version",
        "river_rescuer_poison_jobs",
        "river_table_bytes",
        "river_table_dead_rows",
        "river_table_live_rows",
        "river_table_inserted_rows_total",
    }
    assert (shown.value("river_up"), shown.value("river_rescuer_poison_jobs")) == (1, 0)


def test_a_known_pair_has_zeros(river_url: str, sql: Session) -> None:
    """One running job: its queue and kind have a 0 for every other state and outcome, so that a rise can be seen."""
    sql.execute(RUNNING)
    shown = page(river_url)

    states = {dict(labels)["state"]: value for labels, value in shown.of("river_jobs", queue="default").items()}
    kinds = {dict(labels)["state"]: value for labels, value in shown.of("river_jobs_by_kind", kind="email").items()}
    assert states == kinds == {state: float(state == "running") for state in LIVE_STATES}
    assert list(shown.of("river_jobs_finished_total", queue="default", kind="email").values()) == [0, 0, 0]
    assert list(shown.of("river_jobs_ready", queue="default").values()) == [0, 0, 0, 0]
    assert list(shown.of("river_jobs_overdue", queue="default").values()) == [0, 0]
    assert list(shown.of("river_jobs_estimated", queue="default").values()) == [0] * len(LIVE_STATES)
    for name in ("failing", "last_attempt", "beating", "cancel_pending"):
        assert shown.value(f"river_jobs_{name}", queue="default", kind="email") == 0, name


def test_what_is_gone_keeps_its_zeros_and_loses_its_moments(river_url: str, sql: Session) -> None:
    """When the last job of a kind is gone, counts fall to 0 rather than vanish, and ages vanish rather than freeze."""
    with reader(river_url) as exporter:
        sql.execute(RUNNING)
        before = page_of(exporter.read(10))
        sql.execute(DELETED)
        after = page_of(exporter.read(10))

    pair = {"queue": "default", "kind": "email"}
    assert before.value("river_jobs_by_kind", **pair, state="running") == 1
    assert after.value("river_jobs_by_kind", **pair, state="running") == 0
    assert before.of("river_job_oldest_running_timestamp_seconds", **pair)
    assert not after.of("river_job_oldest_running_timestamp_seconds", **pair)
    assert after.value("river_queue_busy_clients", queue="default") == 0
    assert after.value("river_job_running_age_seconds_gcount", queue="default") == 0
    assert not after.of("river_job_heartbeat_age_seconds_gcount")


def test_zeros_end_an_hour_after_the_last_job(river_url: str, sql: Session) -> None:
    """A kind not seen for an hour has no gauges; its counters stay, for they are a past that happened."""
    with reader(river_url) as exporter:
        sql.execute(RUNNING)
        exporter.read(10)
        sql.execute(DELETED)
        snapshot = exporter.read(10)
    assert snapshot.now is not None

    later = page_of(replace(snapshot, now=snapshot.now + STICKY_SECONDS + 60))
    assert not later.of("river_jobs") | later.of("river_jobs_by_kind") | later.of("river_jobs_beating")
    assert len(later.of("river_jobs_finished_total", kind="email")) == 3


def test_a_job_that_only_finishes_is_known_too(river_url: str, sql: Session) -> None:
    """A kind too quick to be seen live has its zeros from its finished jobs, and counts from the second scrape on."""
    with reader(river_url) as exporter:
        first = page_of(exporter.read(10))
        sql.execute(COMPLETED)
        second = page_of(exporter.read(10))

    assert not first.of("river_jobs_finished_total")
    pair = {"queue": "default", "kind": "email"}
    assert second.value("river_jobs_finished_total", **pair, outcome="completed") == 1
    assert second.value("river_job_run_duration_seconds_count", **pair) == 1
    assert second.value("river_jobs_by_kind", **pair, state="running") == 0
    assert second.of("river_queue_last_claim_timestamp_seconds", queue="default")


def test_what_had_finished_before_the_first_look_is_not_counted(river_url: str, sql: Session) -> None:
    """Nobody knows how many River has deleted already: counters begin at 0, but the last finish is exported."""
    sql.execute(COMPLETED)
    shown = page(river_url)

    assert shown.value("river_jobs_finished_total", queue="default", kind="email", outcome="completed") == 0
    assert shown.of("river_job_last_finished_timestamp_seconds", queue="default", kind="email")


@pytest.mark.parametrize(
    ("leader", "shown"),
    [(None, False), ("15 seconds", True), ("-1 day", True)],
    ids=["none", "present", "expired"],
)
def test_a_leader_is_shown_with_its_expiry(river_url: str, sql: Session, leader: str | None, shown: bool) -> None:
    """No row: absent. A row, also an expired one: both moments, and the reader compares them with the time."""
    if leader:
        sql.execute(
            "INSERT INTO river_leader VALUES ('default', 'a', now() - interval '2 days', now() + %(left)s::interval)",
            {"left": leader},
        )
    seen = page(river_url)

    assert bool(seen.of("river_leader_elected_timestamp_seconds")) is shown
    assert bool(seen.of("river_leader_expires_timestamp_seconds")) is shown


@pytest.mark.parametrize(
    ("change", "versions"),
    [
        ("INSERT INTO river_migration (line, version) VALUES ('pro', 2), ('pro', 3)", {"main": 7.0, "pro": 3.0}),
        ("ALTER TABLE river_migration DROP COLUMN line CASCADE", {"main": 7.0}),  # as before migration 5
        ("DELETE FROM river_migration", {}),
        ("DROP TABLE river_migration", {}),
    ],
    ids=["lines", "no lines", "empty", "no table"],
)
def test_migrations(river_url: str, sql: Session, change: str, versions: dict[str, float]) -> None:
    """Every line with its version; the old table is the main line; no table, as with other migration tools: absent."""
    sql.execute(change)
    shown = page(river_url).of("river_migration_version")

    assert {dict(labels)["line"]: value for labels, value in shown.items()} == versions


def test_tables_that_river_may_lack_are_absent_not_failing(river_url: str, sql: Session) -> None:
    """Without river_queue, river_leader and river_migration their metrics are absent, and a note names them."""
    sql.execute("DROP TABLE river_queue, river_leader, river_migration")
    snapshot = read(river_url)

    assert snapshot.up
    assert snapshot.error is None
    for table in ("river_queue", "river_leader", "river_migration"):
        assert any(table in note for note in snapshot.notices)


def test_a_queue_without_jobs_is_there_when_river_has_a_row(river_url: str, sql: Session) -> None:
    """river_queue's rows are shown whether or not anything was ever in the queue."""
    sql.execute("INSERT INTO river_queue (name, paused_at) VALUES ('idle', now()), ('idle too', NULL)")
    shown = page(river_url)

    assert shown.value("river_queue_paused", queue="idle") == 1
    assert shown.value("river_queue_paused", queue="idle too") == 0
    assert len(shown.of("river_queue_updated_timestamp_seconds")) == 2


def test_due_and_overdue_are_distinct(river_url: str, sql: Session) -> None:
    """Available in the future is not ready; scheduled is overdue only when due for 30 s, which is six missed looks."""
    sql.execute(
        "INSERT INTO river_job (kind, queue, state, scheduled_at) SELECT 'k', 'q', s::river_job_state, now() + o"
        " FROM unnest(ARRAY['available', 'scheduled', 'retryable']) AS s,"
        " unnest(ARRAY['-1 hour', '-20 seconds', '1 hour']::interval[]) AS o"
    )
    shown = page(river_url)

    assert shown.value("river_jobs", queue="q", state="available") == 3
    assert shown.value("river_jobs_ready", queue="q", priority="1") == 2
    assert shown.value("river_jobs_overdue", queue="q", state="scheduled") == 1
    assert shown.value("river_jobs_overdue", queue="q", state="retryable") == 1


def test_beyond_max_pairs_kinds_fold_into_other(river_url: str, sql: Session) -> None:
    """The pairs with most live jobs keep their names, the rest of a queue is one series, and nothing is lost."""
    sql.execute(
        "INSERT INTO river_job (kind, queue) SELECT 'kind ' || k, 'q' FROM generate_series(1, 9) AS k,"
        " generate_series(1, k)"
    )
    shown = page_of(read(river_url, replace(SETTINGS, max_pairs=3)))

    kinds = {dict(labels)["kind"]: n for labels, n in shown.of("river_jobs_by_kind", state="available").items()}
    assert kinds == {"kind 9": 9, "kind 8": 8, "kind 7": 7, "other": 1 + 2 + 3 + 4 + 5 + 6}
    assert shown.value("river_jobs", queue="q", state="available") == 45
    assert shown.value("riverkeeper_folded_pairs") == 6
