"""Logins with settings of their own: what is read and written is the same whatever a role or a database sets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fixtures.check import check_url
from fixtures.contract import claims_of, connected
from fixtures.random_tables import fill
from fixtures.rescue import Scene
from fixtures.scrape import errors, page_of, read
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server
from riverkeeper.heartbeat import Beater, HeartbeatTier
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.session_settings import PINNED
from riverkeeper.rescue.request import Rescued
from riverkeeper.schema.install import install

HOSTILE = {
    "array_nulls": "off",
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Kathmandu",
    "timezone_abbreviations": "Australia",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "escape_string_warning": "on",
    "search_path": "nowhere",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "enable_seqscan": "on",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_nestloop": "off",
    "from_collapse_limit": "1",
    "join_collapse_limit": "1",
    "exit_on_error": "on",
    "statement_timeout": "20s",
    "lock_timeout": "1ms",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug1",
    "jit_above_cost": "0",
    "work_mem": "64",
    "plan_cache_mode": "force_generic_plan",
    "synchronize_seqscans": "off",
    "xmloption": "document",
    "transaction_timeout": "20s",
}
ONE_BY_ONE = HOSTILE if os.environ.get("RIVERKEEPER_TEST_LONG") else ()
STEADY = (
    "river_up", "river_jobs", "river_jobs_ready", "river_jobs_failing", "river_jobs_running_beating",
    "river_table_bytes", "river_queue_paused", "river_jobs_last_attempt",
)  # fmt: skip


BEATING = """
    INSERT INTO river_job (kind, state, attempt, attempted_at, metadata) VALUES ('beats', 'running', 1, now(),
    jsonb_build_object('health_check_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))"""


class Hostile:
    """A login whose settings are changed by a test, and set back after it."""

    def __init__(self, server: Server, url: str) -> None:
        self.server, self.url = server, url.replace("postgres@", "hostile@")
        self.metrics, self.findings = steady(url), findings(url)  # of a login without settings

    def set(self, name: str, value: str) -> None:
        self.server.execute(f"ALTER ROLE hostile SET {name} = '{value}'")

    def reset(self) -> None:
        self.server.execute("ALTER ROLE hostile RESET ALL")


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[Hostile]:
    """A River with jobs of every sort, a beat, and a keeper schema."""
    postgres.execute("DROP ROLE IF EXISTS hostile; CREATE ROLE hostile LOGIN SUPERUSER")
    url = postgres.database("hostile", template="river_template")
    install(url, None, None)
    with Session(url) as sql:
        fill(sql, seed=3, jobs=200)
        sql.execute("INSERT INTO river_queue (name, paused_at) VALUES ('default', now())")
        sql.execute(BEATING)
        sql.execute("ANALYZE")
        sql.execute("ALTER TABLE river_job SET (autovacuum_enabled = off)")  # a vacuum changes the table's size
    yield Hostile(postgres, url)
    postgres.execute("DROP DATABASE hostile WITH (FORCE)")
    postgres.execute("DROP ROLE hostile")


@pytest.fixture
def hostile(filled: Hostile) -> Iterator[Hostile]:
    yield filled
    filled.reset()


def known(server: Server, names: dict[str, str]) -> dict[str, str]:
    """Those that this version of the server has."""
    with Session(server.url) as sql:
        there = {row.name.lower() for row in sql.execute("SELECT name FROM pg_settings")}
    return {name: value for name, value in names.items() if name.lower() in there}


def steady(url: str) -> dict[str, object]:
    """All that does not change from one reading to the next."""
    snapshot = read(url)
    page = page_of(snapshot)
    assert (snapshot.error, errors(snapshot)) == (None, {})
    return {name: page.samples.get(name) for name in STEADY}


def findings(url: str) -> list[tuple[str, str]]:
    return [(finding.topic, finding.level) for finding in check_url(url, "public").findings]


@pytest.mark.parametrize("name", ["all of them", *ONE_BY_ONE])
def test_a_setting_changes_nothing_of_what_is_read(hostile: Hostile, name: str) -> None:
    """Metrics and findings are those of a login without settings."""
    settings = known(hostile.server, HOSTILE if name == "all of them" else {name: HOSTILE[name]})
    for setting, value in settings.items():
        hostile.set(setting, value)
    url = hostile.url
    if "search_path" in settings:  # River is then found by the URL's own
        url = f"{url}?search_path=public"

    assert steady(url) == hostile.metrics
    assert findings(url) == hostile.findings


def test_every_pinned_setting_is_tried(postgres: Server) -> None:
    """A setting that is pinned and not tried here could be pinned to anything."""
    assert {setting.name for setting in PINNED} <= {*HOSTILE, "row_security", "jit"}


def test_a_rescue_is_the_same_under_all_of_them(scene: Scene, postgres: Server) -> None:
    """What a rescue writes into River's row and into the audit does not depend on the rescuer's login."""
    postgres.execute("DROP ROLE IF EXISTS rescues; CREATE ROLE rescues LOGIN SUPERUSER")
    plain, other = scene.stale(), scene.stale()
    stuck = [scene.found(claim) for claim in (plain, other)]
    for name, value in known(postgres, HOSTILE).items():
        postgres.execute(f"ALTER ROLE rescues SET {name} = '{value}'")
    database = Database(scene.url.replace("postgres@", "rescues@"))
    try:
        done = [scene.rescue(plain, stuck[0])]
        scene.database, mine = database, scene.database
        done.append(scene.rescue(other, stuck[1]))
        scene.database = mine
    finally:
        database.close()
        postgres.execute("DROP ROLE rescues")

    assert all(isinstance(outcome, Rescued) for outcome in done), done
    jobs = [scene.job(claim) for claim in (plain, other)]
    for column in ("state", "attempt", "max_attempts", "finalized_at", "metadata"):
        assert jobs[0][column] == jobs[1][column], column
    assert [set(job["errors"][-1]) for job in jobs] == [{"at", "attempt", "error", "trace"}] * 2
    assert abs((jobs[0]["scheduled_at"] - jobs[1]["scheduled_at"]).total_seconds()) < 60
    first, second = (set(row["evidence"]) for row in scene.audit())
    assert first == second


def test_a_client_beats_under_all_of_them(installed_url: str, postgres: Server) -> None:
    """And its beat is read by Riverkeeper as one of now."""
    postgres.execute("DROP ROLE IF EXISTS beats_hostile; CREATE ROLE beats_hostile LOGIN SUPERUSER")
    settings = known(postgres, HOSTILE)
    del settings["default_transaction_read_only"]  # of a login that only reads: River could not work by it either
    for name, value in settings.items():
        postgres.execute(f"ALTER ROLE beats_hostile SET {name} = '{value}'")
    with connected(installed_url) as sql:
        claim = claims_of(sql, 1)[0]
        beater = Beater(
            installed_url.replace("postgres@", "beats_hostile@"), client_id="worker", tier=HeartbeatTier(interval=1.0)
        )
        try:
            with beater, beater.beating(claim["job_id"], claim["attempt"], claim["attempted_at"]) as beat:
                beat.progress(0.5, "half")
                aged = "SELECT now() - beat_at < interval '1 minute' AS fresh, progress FROM riverkeeper.heartbeat"
                until(lambda: sql.execute(aged + " WHERE progress IS NOT NULL").fetchone(), "a beat with progress")
                row = sql.execute(aged).fetchone()
        finally:
            postgres.execute("DROP ROLE beats_hostile")

    assert row == {"fresh": True, "progress": 0.5}
