"""Beats as a reading sees them: from the table, from metadata, from both; and what is left where neither is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.keeper_versions import install_version
from fixtures.scrape import SECONDS, errors, page_of, read, reader
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river import running
from riverkeeper.scrape import reader as scrape_reader
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import RunningPair

JOB = """INSERT INTO river_job (kind, state, attempt, attempted_at, metadata)
    VALUES (%(kind)s, 'running', 2, now() - interval '10000 s', %(metadata)s::jsonb) RETURNING id"""
BEAT = """INSERT INTO riverkeeper.heartbeat
    (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at, lease, progress_at)
    SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - make_interval(secs => %(ago)s), %(lost)s,
        %(lease)s, now() - make_interval(secs => %(progress)s)
    FROM river_job WHERE kind = %(kind)s"""
SAID = '{"health_check_at": "%s"}'


@pytest.fixture
def kept(installed_url: str) -> Iterator[Session]:
    """A session on a River with a keeper schema."""
    with Session(installed_url) as sql:
        yield sql


def run(sql: Session, kind: str, told_ago: float | None = None) -> None:
    """A job that runs, and whose last beat in the metadata is so many seconds old."""
    metadata = "{}"
    if told_ago is not None:
        (reported,) = sql.execute("SELECT to_json(now() - make_interval(secs => %(ago)s)) AS at", {"ago": told_ago})
        metadata = SAID % reported.at
    sql.execute(JOB, {"kind": kind, "metadata": metadata})


def beat(sql: Session, kind: str, ago: float, progress: float | None = None, **more: object) -> None:
    values = {"lost": None, "lease": None, **more}
    sql.execute(BEAT, {"kind": kind, "ago": ago, "progress": progress, **values})


def pairs(snapshot: Snapshot) -> dict[str, RunningPair]:
    assert snapshot.error is None
    assert snapshot.running is not None
    return {pair.kind: pair for pair in snapshot.running.pairs}


def before(sql: Session, moment: float | None) -> int | None:
    """How long before this test's rows were written, to the nearest ten seconds: a busy machine writes them slowly."""
    [first] = sql.execute("SELECT extract(epoch FROM min(created_at))::float8 AS at FROM river_job")
    return None if moment is None else round((first.at - moment) / 10) * 10


def test_the_later_of_two_beats_counts(kept: Session, installed_url: str) -> None:
    """A fleet in the middle of a change writes both; either alone is enough, and a stale one hides nothing."""
    run(kept, "row only")
    run(kept, "metadata only", told_ago=2000)
    for kind, ago in (("row later", 4000), ("metadata later", 500)):
        run(kept, kind, told_ago=ago)
    for kind in ("row only", "row later", "metadata later"):
        beat(kept, kind, ago=2000)
    found = pairs(read(installed_url))

    assert {kind: before(kept, pair.oldest_beat) for kind, pair in found.items()} == {
        "row only": 2000, "metadata only": 2000, "row later": 2000, "metadata later": 500,
    }  # fmt: skip
    assert {kind: pair.longest_interval for kind, pair in found.items()} == {
        "row only": 10, "metadata only": 30, "row later": 10, "metadata later": 10,
    }  # fmt: skip
    assert {pair.beating for pair in found.values()} == {1}


def test_no_beat_is_awaited_of_a_claim_that_is_over(kept: Session, installed_url: str) -> None:
    """Its silence is no sign: it counts as beating, and in no age."""
    run(kept, "k")
    beat(kept, "k", ago=50, progress=50, lost="2026-01-01T00:00:00Z")
    snapshot = read(installed_url)
    pair = pairs(snapshot)["k"]

    assert (pair.beating, pair.oldest_beat, pair.oldest_progress, pair.oldest_unbeaten) == (1, None, None, None)
    assert not page_of(snapshot).of("river_job_heartbeat_age_seconds_gcount")


@pytest.mark.parametrize("change", ["attempt = 1", "attempted_at = attempted_at - interval '1 us'"])
def test_a_beat_of_another_claim_counts_nowhere(kept: Session, installed_url: str, change: str) -> None:
    """Neither of an earlier attempt nor of an earlier claim of the same attempt, as a snooze leaves it."""
    run(kept, "k")
    beat(kept, "k", ago=1, progress=1, lease="1 hour")
    kept.execute(f"UPDATE riverkeeper.heartbeat SET {change}")  # noqa: S608 - one of two texts above
    snapshot = read(installed_url)
    pair = pairs(snapshot)["k"]

    assert (pair.beating, pair.oldest_beat, pair.oldest_progress, pair.longest_interval, pair.longest_lease) == (
        0, None, None, None, None,
    )  # fmt: skip
    [claim] = kept.execute("SELECT extract(epoch FROM attempted_at)::float8 AS at FROM river_job")
    assert pair.oldest_unbeaten == claim.at


def test_what_the_rows_declare(kept: Session, installed_url: str) -> None:
    """The longest interval and lease, the oldest progress: what limits are raised to and judged by."""
    for kind, lease in (("a", None), ("b", "25 s")):
        run(kept, kind)
        beat(kept, kind, ago=3, progress=70, lease=lease)
    kept.execute("UPDATE river_job SET kind = 'k'")
    kept.execute("UPDATE riverkeeper.heartbeat SET beat_interval = '45 s' WHERE lease IS NULL")
    snapshot = read(installed_url)
    pair = pairs(snapshot)["k"]

    assert (pair.jobs, pair.longest_interval, pair.longest_lease) == (2, 45, 25)
    assert before(kept, pair.oldest_progress) == 70
    assert page_of(snapshot).value("river_job_oldest_progress_timestamp_seconds", queue="default", kind="k")


def test_metadata_are_looked_into_up_to_a_budget(
    kept: Session, installed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smaller ones first, and so much of all together: what is not read is reported as unread."""
    large = """INSERT INTO river_job (kind, state, attempt, attempted_at, metadata)
        SELECT 'large', 'running', 1, now() - interval '100 s', jsonb_build_object('health_check_at', now(), 'x',
            (SELECT string_agg(md5(i::text), '') FROM generate_series(1, %(words)s) AS i))"""
    for words in (400, 1000):
        kept.execute(large, {"words": words})
    (both,) = kept.execute("SELECT sum(pg_column_size(metadata)) AS bytes FROM river_job")
    monkeypatch.setitem(running.PARAMETERS, "most_bytes_together", both.bytes - 1)
    found = read(installed_url).running

    assert found is not None
    assert (found.unread, sum(pair.beating for pair in found.pairs)) == (1, 1)


def test_priorities_are_distinct_and_summed(kept: Session, installed_url: str) -> None:
    """A tier may belong to a priority; on the page a pair has one sample."""
    for _ in range(3):
        run(kept, "k")
    kept.execute("UPDATE river_job SET priority = id - (SELECT min(id) - 1 FROM river_job)")
    snapshot = read(installed_url)
    assert snapshot.running is not None

    assert sorted((pair.priority, pair.jobs) for pair in snapshot.running.pairs) == [(1, 1), (2, 1), (3, 1)]
    assert page_of(snapshot).value("river_jobs_unknown", queue="default", kind="k") == 3


def test_the_way_to_many_rows_changes_no_number(
    both: Session, installed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reading knows that many run; the planner's switch is as before for the questions after it."""
    monkeypatch.setattr(scrape_reader, "MANY_RUNNING", 1)
    asked: list[str] = []
    query = Transaction.query

    def listen(tx: Transaction, name: str, *arguments: Any, **more: Any) -> Any:
        asked.append(name)
        return query(tx, name, *arguments, **more)

    monkeypatch.setattr(Transaction, "query", listen)
    with reader(installed_url) as exporter:
        first = exporter.read(SECONDS)
        assert "river/set_bitmaps" not in asked
        second = exporter.read(SECONDS)

    assert pairs(first) == pairs(second)
    assert asked.count("river/set_bitmaps") == 2
    before, after = (asked.index("river/set_bitmaps") + step for step in (0, 2))
    assert (asked[before + 1], asked[after]) == ("river/read_running", "river/set_bitmaps")


def test_clients_are_live_by_their_own_interval(kept: Session, installed_url: str) -> None:
    """Three intervals of silence, whatever an interval is; a process beats without jobs too."""
    kept.execute(
        """INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
        SELECT gen_random_uuid(), 'c', now() - make_interval(secs => s), make_interval(secs => i), true, 't', now()
        FROM (VALUES (200, 100), (400, 100), (400, 200), (800, 200), (800, 300)) AS v (s, i)"""
    )

    assert page_of(read(installed_url)).value("river_beating_clients") == 3


def assert_metadata_counts(snapshot: Snapshot) -> None:
    """River is up, what runs is known, and who beats in the metadata too; the table's families are absent."""
    assert snapshot.running is not None
    assert {pair.kind: pair.beating for pair in snapshot.running.pairs} == {"told": 1, "silent": 0}
    page = page_of(snapshot)
    assert page.value("river_up") == 1
    assert not page.of("river_beating_clients")
    assert not page.of("river_table_bytes", table="heartbeat")


@pytest.fixture
def both(kept: Session) -> Session:
    """A job that beats in its metadata, and one that beats in the table."""
    run(kept, "told", told_ago=3)
    run(kept, "silent")
    beat(kept, "silent", ago=3)
    return kept


def test_without_the_right_to_read_the_table(both: Session, installed_url: str) -> None:
    """The metadata still counts; the front page shows that the rest does not, and how to change it."""
    both.execute(
        "DROP ROLE IF EXISTS no_beats; CREATE ROLE no_beats LOGIN; GRANT USAGE ON SCHEMA riverkeeper TO no_beats;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO no_beats;"
        "GRANT SELECT ON riverkeeper.meta, riverkeeper.client TO no_beats"
    )
    snapshot = read(installed_url.replace("postgres@", "no_beats@"))

    assert snapshot.error is None
    assert_metadata_counts(snapshot)
    assert any("Only metadata.health_check_at" in note and "schema grants" in note for note in snapshot.notices)


def test_before_the_table_was_made(river_url: str, sql: Session) -> None:
    """A keeper schema of version 1 knows no heartbeats: `schema install` is named."""
    install_version(river_url, 1)
    run(sql, "told", told_ago=3)
    run(sql, "silent")
    snapshot = read(river_url)

    assert snapshot.error is None
    assert_metadata_counts(snapshot)
    assert any("Only metadata.health_check_at" in note and "schema install" in note for note in snapshot.notices)


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ("DROP TABLE riverkeeper.heartbeat", "missing"),
        ("DROP TABLE riverkeeper.client", "missing"),
        ("ALTER TABLE riverkeeper.heartbeat RENAME TO gone", "missing"),
        ("BEGIN; LOCK TABLE riverkeeper.heartbeat", "locked"),
        ("BEGIN; LOCK TABLE riverkeeper.client", "locked"),
    ],
)
def test_a_table_that_goes_under_us(both: Session, installed_url: str, harm: str, word: str) -> None:
    """One question of its own fails; every other is answered, and the next reading knows without failing."""
    with reader(installed_url) as exporter:
        assert pairs(exporter.read(SECONDS))["silent"].beating == 1
        both.execute(harm)
        harmed = exporter.read(SECONDS)
        after = exporter.read(SECONDS)
        both.execute("ROLLBACK")

    assert set(errors(harmed)) == {"heartbeats"}
    assert word in errors(harmed)["heartbeats"]
    assert_metadata_counts(harmed)
    assert_metadata_counts(after)
    assert bool(after.error) == (word == "locked")


def test_a_table_without_rows_is_not_joined(kept: Session, installed_url: str) -> None:
    """Nothing beats there yet: the same answer as with the join, and the clients still count."""
    run(kept, "k", told_ago=3)
    snapshot = read(installed_url)

    assert pairs(snapshot)["k"].beating == 1
    assert page_of(snapshot).value("river_beating_clients") == 0


def test_the_stand_in_has_the_columns_of_the_table(kept: Session) -> None:
    """Each of its columns is one of the table's, with the same type: one statement serves both."""
    kept.execute(f"CREATE TABLE stand_in AS {statement('river/no_heartbeat')}")
    types: dict[str, Any] = {
        table: {row.name: row.type for row in kept.execute(TYPES, {"table": table})}
        for table in ("stand_in", "riverkeeper.heartbeat")
    }

    assert types["stand_in"].items() <= types["riverkeeper.heartbeat"].items()


TYPES = """SELECT attname::text AS name, atttypid::regtype::text AS type FROM pg_attribute
    WHERE attrelid = %(table)s::regclass AND attnum > 0"""
