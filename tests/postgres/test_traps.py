"""No statement of ours uses a function, operator, type or relation that another login offers.

Every session here finds traps before what they copy, as an attacker's schema in the search_path would have it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from consistency.tree import ROOT, files_below
from fixtures.contract import Connection, claims_of, connected
from fixtures.replicas import Fleet, configured, keeping
from fixtures.scrape import SECONDS, Exporter
from fixtures.traps import fresh, sprung, trapped
from fixtures.waiting import until
from riverkeeper.cli import main
from riverkeeper.demo.fleet import DemoFleet
from riverkeeper.demo.postgres import Server
from riverkeeper.demo.simulation import Simulation
from riverkeeper.heartbeat import Beater, Claim, ClaimVerification, HeartbeatTier
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.errors import DatabaseError

LOST = """
INSERT INTO river_job (state, kind, attempt, attempted_at, attempted_by)
SELECT 'running', 'report', 1, now() - interval '1 hour', ARRAY['gone'] FROM generate_series(1, 3);
INSERT INTO river_job (state, kind, attempt, attempted_at, attempted_by, finalized_at)
SELECT 'completed', 'report', 1, now() - interval '2 s', ARRAY['gone'], now() FROM generate_series(1, 3);
INSERT INTO river_job (state, kind, queue, attempt, attempted_at, errors)
SELECT 'retryable', 'mail', 'mail', 1, now(), ARRAY['{"error": "no", "attempt": 1}'::jsonb];
INSERT INTO river_leader VALUES ('default', 'leader', now(), now() + interval '1 hour');
INSERT INTO river_queue (name) VALUES ('default'), ('mail');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with trapped() as server:
        yield server


class Ground:
    """A database full of traps. `sql` is a session of a test's own, which does not count."""

    def __init__(self, server: Server, url: str, sql: Connection) -> None:
        self.server, self.url, self.sql = server, url, sql
        self._from = len(server.log)

    @property
    def sprung(self) -> set[str]:
        return sprung(self.server, self._from)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--database-url", self.url])


@contextmanager
def grounded(server: Server, name: str, *, installed: bool) -> Iterator[Ground]:
    url = fresh(server, re.sub(r"\W", "_", name)[:60], installed=installed)
    with connected(url) as sql:
        sql.execute("SET search_path = pg_catalog, public")
        yield Ground(server, url, sql)


@pytest.fixture
def ground(server: Server, request: pytest.FixtureRequest) -> Iterator[Ground]:
    with grounded(server, request.node.name, installed=False) as ground:
        yield ground


@pytest.fixture
def installed(server: Server, request: pytest.FixtureRequest) -> Iterator[Ground]:
    with grounded(server, request.node.name, installed=True) as ground:
        ground.sql.execute(LOST)
        yield ground


def test_traps_cover_what_our_statements_use(server: Server) -> None:
    """Every function that our files name has a copy that reports its use; so has every operator."""
    texts = [
        path.read_text()
        for folder in ("exporter/riverkeeper", "clients")
        for path in files_below(ROOT / folder, ".sql", ".py", ".go")
    ]
    words = {word for text in texts for word in re.findall(r"\b([a-z_][a-z0-9_]*)\(", text)}
    with Session(fresh(server, "cover"), "test") as sql:
        sql.execute("SET search_path = pg_catalog")
        names = sql.execute(
            "SELECT proname::text AS name, bool_or(pronamespace = 'hostile'::regnamespace) AS planted FROM pg_proc"
            " WHERE pronamespace IN ('pg_catalog'::regnamespace, 'hostile'::regnamespace)"
            " AND proname::text = ANY (%(words)s) GROUP BY proname",
            {"words": [*words]},
        )
        (operators,) = sql.execute(
            "SELECT count(*) FILTER (WHERE oprnamespace = 'hostile'::regnamespace) AS planted,"
            " count(*) FILTER (WHERE oprnamespace = 'pg_catalog'::regnamespace) AS wanted FROM pg_operator"
        )

    assert {"cardinality", "unnest", "to_char", "jsonb_build_object", "now"} <= {row.name for row in names}
    assert [row.name for row in names if not row.planted] == []
    assert operators.planted == operators.wanted


def test_an_unpinned_statement_is_trapped(ground: Ground) -> None:
    """So that the tests below can fail."""
    with Session(ground.url) as sql:
        sql.execute("SELECT now(), cardinality(ARRAY['a']), 'a'::text FROM pg_class WHERE relname = 'pg_class'")

    expected = {"function now", "function cardinality", "type text", "relation pg_class", "operator ="}
    assert expected <= ground.sprung


def test_the_schema_is_installed_printed_granted_and_removed(ground: Ground) -> None:
    """As superuser, whose rights are the prize; what is printed is safe in psql, too."""
    done = [ground.run("schema", "print")]
    run_by_psql(ground.url, done[0].output)
    done.append(ground.run("schema", "grants"))
    run_by_psql(ground.url, done[1].output)
    for command in ("grants --apply", "uninstall --yes", "install", "uninstall --yes"):
        done.append(ground.run("schema", *command.split()))

    assert ground.sprung == set()
    assert [result.exit_code for result in done] == [0] * len(done), [result.output for result in done]
    assert ground.sql.execute("SELECT 1 FROM pg_roles WHERE rolname = 'riverkeeper_worker'").fetchone()


def run_by_psql(url: str, script: str) -> None:
    with suppress(DatabaseError), Session(url, "riverkeeper-script") as person:
        person.execute(script)


COMMANDS = ("check", "look", "stuck", "failing", "limits", "rescue status", "rescue list", "rescue report")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_only_reads_is_not_trapped(installed: Ground, command: str) -> None:
    """Also as superuser, and with jobs that run, fail and have ended."""
    done = installed.run(*command.split())

    assert installed.sprung == set()
    assert "SQLSTATE" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_manual_rescues_and_switches_are_not_trapped(installed: Ground) -> None:
    """All that a command can write."""
    done = [
        installed.run("rescue", "run", "1", "--apply"),
        installed.run("rescue", "pause", "--why", "because"),
        installed.run("rescue", "resume"),
        installed.run("rescue", "release", "mass_silence"),
    ]

    assert installed.sprung == set()
    assert all("SQLSTATE" not in result.output for result in done), [result.output for result in done]


def test_a_scrape_is_not_trapped(installed: Ground) -> None:
    """Three readings: the ledger is begun, written and read again."""
    reader = Exporter(installed.url)
    snapshots = [reader.read(SECONDS) for _ in range(3)]
    reader.close()

    assert installed.sprung == set()
    assert all(snapshot.error is None for snapshot in snapshots)
    assert all(query.error is None for query in snapshots[-1].queries)


def test_a_supervisor_is_not_trapped(installed: Ground, tmp_path: Path) -> None:
    """From its start to a rescue, with all that it writes down."""
    fleet = Fleet(f"{installed.url}?options=-csearch_path%3Dpublic", installed.sql)
    try:
        dead, *_ = [fleet.worker(1) for _ in range(4)]
        with keeping(configured(tmp_path, installed.url)):
            until(lambda: all_beat(installed.sql), "every worker to beat on a verified heartbeat path")
            dead.alive = False
            with suppress(pytest.fail.Exception):
                until(lambda: rescued(installed.sql), "a rescue")
    finally:
        fleet.close()

    assert installed.sprung == set()
    assert rescued(installed.sql)


def all_beat(sql: Connection) -> bool:
    beaten = """
    SELECT count(*) AS n FROM riverkeeper.heartbeat AS h CROSS JOIN riverkeeper.control AS c
    WHERE h.beat_at > c.path_ok_since
    """
    return sql.execute(beaten).fetchone() == {"n": 4}


def rescued(sql: Connection) -> bool:
    return bool(sql.execute("SELECT 1 FROM riverkeeper.rescue WHERE NOT dry_run").fetchone())


def test_the_python_client_is_not_trapped(installed: Ground) -> None:
    """Beats, ends and holds; a hold stands in a transaction of the user's, with the user's search_path."""
    [job] = claims_of(installed.sql, 1)
    with (
        suppress(DatabaseError),
        Beater(installed.url, "worker", tier=HeartbeatTier(0.2)) as beater,
        beater.beating(job["job_id"], 1) as beat,
    ):
        with suppress(pytest.fail.Exception):
            until(lambda: installed.sql.execute("SELECT 1 FROM riverkeeper.heartbeat").fetchone(), "a beat")
        hold(installed.url, beat.claim)

    assert installed.sprung == set()
    row = installed.sql.execute("SELECT outcome FROM riverkeeper.heartbeat").fetchone()
    assert row
    assert row["outcome"] == "completed"


def hold(url: str, claim: Claim) -> None:
    with psycopg.connect(url, application_name="riverkeeper-user") as user:
        ClaimVerification(claim).run(lambda sql, values: user.execute(sql, values).fetchone())


def test_the_python_client_on_the_job_s_row_is_not_trapped(installed: Ground) -> None:
    """JobMetadata mode."""
    [job] = claims_of(installed.sql, 1)
    question = "SELECT 1 FROM river_job WHERE id = %s AND metadata ->> 'health_check_at' IS NOT NULL"
    with (
        suppress(DatabaseError, AssertionError),
        Beater(installed.url, "worker", tier=HeartbeatTier(0.5), metadata=True) as beater,
        beater.beating(job["job_id"], 1),
    ):
        until(lambda: installed.sql.execute(question, [job["job_id"]]).fetchone(), "a beat")

    assert installed.sprung == set()
    assert installed.sql.execute(question, [job["job_id"]]).fetchone()


def test_the_fence_is_not_trapped(installed: Ground) -> None:
    """Its triggers run in a worker's session, one of its functions with the rights of the keeper schema's owner."""
    update = (
        "UPDATE public.river_job SET metadata = pg_catalog.jsonb_build_object('riverkeeper:claim'::pg_catalog.text, {})"
        " WHERE id OPERATOR(pg_catalog.=) {}"
    )
    claim = "pg_catalog.to_char(pg_catalog.timezone('UTC', attempted_at), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    with suppress(DatabaseError), Session(installed.url, "riverkeeper-worker") as worker:
        worker.execute(update.format("'2026-01-01T00:00:00.000000Z'::pg_catalog.text", 1))
        worker.execute(update.format(claim, 2))

    assert installed.sprung == set()
    rows = installed.sql.execute("SELECT metadata FROM river_job WHERE id IN (1, 2)").fetchall()
    assert rows == [{"metadata": {}}] * 2
    assert installed.sql.execute("SELECT job_id FROM riverkeeper.late_result").fetchall() == [{"job_id": 1}]


def test_the_demo_is_not_trapped(installed: Ground) -> None:
    """Thirty seconds of its fleet's life."""
    start = time.time()
    with Session(installed.url, "demo fleet") as session:
        fleet = DemoFleet(session, "public", Simulation(7, start))
        with suppress(DatabaseError):
            for second in range(30):
                fleet.tick(start + second)
            fleet.live()

    assert installed.sprung == set()
    assert fleet.finished


def test_temporary_objects_are_not_used(installed: Ground) -> None:
    """On a connection that a pooler gave to somebody of the same login before."""
    database = Database(installed.url)
    plant = "SELECT hostile.plant_relations_and_types('pg_temp')"
    with database.writing(SECONDS, {}) as tx:
        tx.execute(plant)
    reader = Exporter(database)
    snapshots = [reader.read(SECONDS) for _ in range(2)]
    reader.close()
    with Session(installed.url) as session:
        session.execute(plant)
        first = session.execute_within(SECONDS, "SELECT 'a'::text AS a FROM pg_class LIMIT 1", {})

    assert installed.sprung == set()
    assert all(snapshot.error is None for snapshot in snapshots)
    assert [row.a for row in first] == ["a"]


# As up to PostgreSQL 14 anybody could: better matches in `public` for what PostgreSQL itself has for any array or enum.
BETTER_MATCHES = """
CREATE FUNCTION public.take() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN ALTER ROLE mallory SUPERUSER; RETURN true; EXCEPTION WHEN insufficient_privilege THEN RETURN true; END $$;
CREATE FUNCTION public.cardinality(text[]) RETURNS integer LANGUAGE sql AS 'SELECT public.take()::integer';
CREATE FUNCTION public.cardinality(jsonb[]) RETURNS integer LANGUAGE sql AS 'SELECT public.take()::integer';
CREATE FUNCTION public.same(river_job_state, river_job_state) RETURNS boolean LANGUAGE sql AS 'SELECT public.take()';
CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = river_job_state, RIGHTARG = river_job_state);
"""


def test_a_login_that_may_create_in_public_does_not_become_superuser(installed: Ground) -> None:
    """By a superuser's `check`, with the search_path that every database has at first."""
    name = installed.sql.info.dbname
    installed.sql.execute(f'ALTER DATABASE "{name}" RESET search_path')
    installed.sql.execute(
        "DROP ROLE IF EXISTS mallory; CREATE ROLE mallory LOGIN; GRANT CREATE ON SCHEMA public TO mallory"
    )
    with connected(installed.url.replace("postgres@", "mallory@")) as mallory:
        mallory.execute(BETTER_MATCHES)
    done = [installed.run(*command.split()) for command in (*COMMANDS, "schema uninstall --yes", "schema install")]
    answer = installed.sql.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'").fetchone()

    assert answer == {"rolsuper": False}
    assert [result.output for result in done if "SQLSTATE" in result.output] == []
