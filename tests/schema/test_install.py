"""The keeper schema: made, upgraded and removed without touching anything that is not its own."""

from __future__ import annotations

import threading

import pytest

from fixtures.keeper_versions import install_version
from fixtures.scrape import SECONDS, errors, page_of, read, reader
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import quote_identifier
from riverkeeper.schema.install import MIGRATIONS, install, script, uninstall
from riverkeeper.schema.layout import VERSION

# Every table, column, default and constraint of a schema, without the schema's name.
SHAPE = """
SELECT c.relname::text AS table_name, c.reloptions::text AS options, a.attname::text AS column_name,
    format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS value,
    (SELECT string_agg(pg_get_constraintdef(k.oid), ';' ORDER BY pg_get_constraintdef(k.oid))
        FROM pg_constraint AS k WHERE k.conrelid = c.oid) AS rules
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
ORDER BY c.relname, a.attnum
"""
FINISHED = """INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at)
    VALUES ('k', 'completed', now(), now(), now())"""
COUNTER = {"queue": "default", "kind": "k", "outcome": "completed"}


def shape(sql: Session, schema: str) -> list[object]:
    return sql.execute(SHAPE, {"schema": quote_identifier(schema).replace("%%", "%")})


def refused(trouble: ErrorKind) -> pytest.RaisesExc[DatabaseError]:
    return pytest.RaisesExc(DatabaseError, check=lambda error: error.kind is trouble)


def test_installing_again_changes_nothing(river_url: str, sql: Session) -> None:
    """Safe to run at every deploy: same tables, same counts, same name."""
    assert install(river_url, None, None) == "riverkeeper"
    with reader(river_url) as exporter:
        exporter.read(SECONDS)
        sql.execute(FINISHED)
        exporter.read(SECONDS)
    before = shape(sql, "riverkeeper")
    install(river_url, None, None)

    assert shape(sql, "riverkeeper") == before
    assert page_of(read(river_url)).value("river_jobs_finished_total", **COUNTER) == 1


def test_what_it_remembers_outlives_a_crash_of_the_server(river_url: str, sql: Session) -> None:
    """An UNLOGGED table is empty after one: nothing would be known of just those jobs that the crash ended."""
    install(river_url, None, None)
    kept = "SELECT DISTINCT relpersistence::text AS how FROM pg_class WHERE relnamespace = 'riverkeeper'::regnamespace"

    assert [row.how for row in sql.execute(kept)] == ["p"]


def test_the_name_follows_the_river_that_is_named(river_url: str) -> None:
    """A River schema that is named has a keeper schema named after it; one that is chosen wins."""
    assert install(river_url, "public", None) == "public_riverkeeper"
    assert install(river_url, "public", "ops") == "ops"


@pytest.mark.parametrize(("keeper", "river"), [("riverkeeper", "public"), ('100% "kept"', "it's %% 1%s")])
def test_the_printed_script_makes_what_install_makes(river_url: str, sql: Session, keeper: str, river: str) -> None:
    """`schema print` can be reviewed and run manually, and Riverkeeper then sees no difference."""
    if river != "public":
        create_river_table(river_url, river)
    run_script(river_url, script(keeper, river))
    install(river_url, river, "by command")

    assert shape(sql, keeper) == shape(sql, "by command")
    assert install(river_url, river, keeper) == keeper


def test_an_upgrade_keeps_what_was_counted(river_url: str, sql: Session) -> None:
    """From every older version on: until the upgrade the ledger goes on and the page names it as old, then no more."""
    install_version(river_url, 1)
    with reader(river_url) as exporter:
        exporter.read(SECONDS)
        sql.execute(FINISHED)
        before = exporter.read(SECONDS)
    install(river_url, None, None)
    after = read(river_url)

    assert any("is older than this version of Riverkeeper: it has version 1 " in note for note in before.notices)
    assert not any("older" in note for note in after.notices)
    for snapshot in (before, after):
        assert page_of(snapshot).value("river_jobs_finished_total", **COUNTER) == 1
        assert page_of(snapshot).value("riverkeeper_ledger_durable") == 1
    assert sql.execute("SELECT version FROM riverkeeper.meta")[0].version == VERSION == len(MIGRATIONS)


def test_installs_at_once_take_turns(river_url: str, sql: Session) -> None:
    """Four replicas that start together: all succeed, and the schema is made once."""
    failed: list[BaseException] = []

    def install_again() -> None:
        try:
            install(river_url, None, None)
        except DatabaseError as error:
            failed.append(error)

    threads = [threading.Thread(target=install_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sql.execute("SELECT count(*) AS rows FROM riverkeeper.meta")[0].rows == 1


@pytest.fixture
def of_another(river_url: str) -> str:
    """Keeper schema `riverkeeper` serves River schema `public`, and there is a River in `eu` too."""
    create_river_table(river_url, "eu")
    install(river_url, "public", "riverkeeper")
    return river_url


def test_a_keeper_schema_of_another_river_is_refused(of_another: str, sql: Session) -> None:
    """Ids restart in each River: install and uninstall name both schemas and do nothing."""
    for act in (install, uninstall):
        with refused(ErrorKind.WRONG_KEEPER) as found:
            act(of_another, "eu", "riverkeeper")
        assert '"riverkeeper" belongs to River schema "public", not to "eu"' in str(found.value)
    assert sql.execute("SELECT river_schema FROM riverkeeper.meta")[0].river_schema == "public"


def test_a_newer_keeper_schema_is_refused(river_url: str, sql: Session) -> None:
    """One that needs a newer Riverkeeper is not used, and both versions are named; one that can be used, is."""
    install(river_url, None, None)
    sql.execute("UPDATE riverkeeper.meta SET version = 98, min_compatible = 97")
    for act in (install, uninstall):
        with refused(ErrorKind.TOO_NEW) as found:
            act(river_url, None, None)
        assert "has version 98 and needs a Riverkeeper that knows version 97" in str(found.value)

    sql.execute("UPDATE riverkeeper.meta SET min_compatible = %(ours)s", {"ours": VERSION})
    install(river_url, None, None)
    assert sql.execute("SELECT version FROM riverkeeper.meta")[0].version == 98
    assert read(river_url).error is None


def test_river_s_own_schema_is_never_the_keeper_schema(river_url: str, sql: Session) -> None:
    """To uninstall it later would drop the jobs."""
    with refused(ErrorKind.SHARED_SCHEMA):
        install(river_url, "public", "public")
    with refused(ErrorKind.MISSING):
        uninstall(river_url, "public", "public")
    assert sql.execute(
        "SELECT to_regclass('public.meta') AS made, to_regclass('public.river_job') IS NOT NULL AS there"
    ) == [(None, True)]


def test_a_name_that_is_cut_to_rivers_own_is_refused(river_url: str) -> None:
    """Postgres cuts names at 63 bytes, and so would put the tables of the keeper schema among River's."""
    longest = "é" * 31 + "x"
    create_river_table(river_url, longest)
    with refused(ErrorKind.SHARED_SCHEMA):
        install(river_url, longest, None)
    assert install(river_url, longest, "short") == "short"


def test_uninstall_leaves_the_rest_of_the_database(river_url: str, sql: Session) -> None:
    """The tables of the keeper schema go, River's stay; a second time there is nothing to remove."""
    sql.execute(FINISHED)
    install(river_url, None, None)
    assert uninstall(river_url, None, None) == "riverkeeper"

    assert sql.execute("SELECT to_regnamespace('riverkeeper') AS name")[0].name is None
    assert sql.execute("SELECT count(*) AS jobs FROM river_job")[0].jobs == 1
    with refused(ErrorKind.MISSING):
        uninstall(river_url, None, None)


def test_uninstall_never_drops_what_others_put_there(river_url: str, sql: Session) -> None:
    """A schema that holds a table of somebody else is not dropped, and the table is named."""
    sql.execute("CREATE SCHEMA ops; CREATE TABLE ops.invoices (id bigint)")
    install(river_url, None, "ops")
    with refused(ErrorKind.SHARED_SCHEMA) as found:
        uninstall(river_url, None, "ops")

    assert "(invoices)" in str(found.value)
    assert sql.execute("SELECT count(*) AS rows FROM ops.meta")[0].rows == 1
    sql.execute("DROP TABLE ops.invoices")
    assert uninstall(river_url, None, "ops") == "ops"


BEATS = {
    "a process": """INSERT INTO riverkeeper.client
        (instance, client_id, beat_at, beat_interval, fences, software, started_at)
        VALUES (gen_random_uuid(), 'c', now() - interval '29 s', '10 s', true, 't', now())""",
    "a claim": """INSERT INTO riverkeeper.heartbeat
        (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
        VALUES (1, now(), 1, gen_random_uuid(), '10 s', now() - interval '29 s')""",
}


@pytest.mark.parametrize("beat", BEATS)
def test_uninstall_refuses_while_workers_beat(river_url: str, sql: Session, beat: str) -> None:
    """The error names how many there are, and what to do; after three of their intervals, or by force, it goes."""
    install(river_url, None, None)
    sql.execute(BEATS[beat])
    with refused(ErrorKind.BEATING) as found:
        uninstall(river_url, None, None)
    numbers = "1 worker processes and 0 jobs" if beat == "a process" else "0 worker processes and 1 jobs"
    assert numbers in str(found.value)
    assert "--force" in str(found.value)

    sql.execute("UPDATE riverkeeper.client SET beat_at = now() - interval '31 s'")
    sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '31 s'")
    assert uninstall(river_url, None, None) == "riverkeeper"
    install(river_url, None, None)
    sql.execute(BEATS[beat])
    assert uninstall(river_url, None, None, force=True) == "riverkeeper"


@pytest.mark.parametrize("over", ["lost_at", "ended_at"])
def test_a_claim_that_is_over_beats_no_more(river_url: str, sql: Session, over: str) -> None:
    """However young its last beat: nobody waits for it."""
    install(river_url, None, None)
    sql.execute(BEATS["a claim"])
    sql.execute(f"UPDATE riverkeeper.heartbeat SET {over} = now()")  # noqa: S608 - one of three names above

    assert uninstall(river_url, None, None) == "riverkeeper"


def test_a_schema_made_by_the_owner_will_do(river_url: str, sql: Session) -> None:
    """Where logins may not make schemas, an empty one given to them is enough; without it nothing is left half made."""
    sql.execute(
        "DROP ROLE IF EXISTS may_not_create; CREATE ROLE may_not_create LOGIN;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO may_not_create"
    )
    url = river_url.replace("postgres@", "may_not_create@")
    with refused(ErrorKind.FORBIDDEN):
        install(url, None, None)
    assert sql.execute("SELECT to_regnamespace('riverkeeper') AS name")[0].name is None

    sql.execute("CREATE SCHEMA riverkeeper AUTHORIZATION may_not_create")
    install(url, None, None)
    snapshot = read(url)
    assert snapshot.error is None
    assert page_of(snapshot).value("riverkeeper_ledger_durable") == 1


def test_install_waits_for_a_lock_rather_than_fail(river_url: str, sql: Session) -> None:
    """Another install that takes longer than a scrape would wait is waited for."""
    sql.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('riverkeeper schema install'))")
    done: list[str] = []
    waiting = threading.Thread(target=lambda: done.append(install(river_url, None, None)))
    waiting.start()
    waiting.join(0.6)
    assert waiting.is_alive()
    sql.execute("COMMIT")
    waiting.join()

    assert done == ["riverkeeper"]


def test_it_may_come_and_go_under_a_running_process(river_url: str, sql: Session) -> None:
    """Removed: counted in memory, with a note. Put back: durable again at the latest when the catalog is read anew."""
    install(river_url, None, None)
    with reader(river_url) as exporter:
        assert page_of(exporter.read(SECONDS)).value("riverkeeper_ledger_durable") == 1
        uninstall(river_url, None, None)
        assert set(errors(exporter.read(SECONDS))) == {"ledger"}
        snapshot = exporter.read(SECONDS)

    assert page_of(snapshot).value("riverkeeper_ledger_durable") == 0
    assert any("is not installed" in note for note in snapshot.notices)


NASTY = "a'b\\c\"d$riverkeeper$e%f;--\n$$"


@pytest.mark.parametrize("strings", ["on", "off"])
def test_a_printed_script_takes_any_name_as_it_is(river_url: str, strings: str) -> None:
    """Quotes, backslashes, dollars, line ends: a name is never run, whatever standard_conforming_strings is."""
    keeper = f"{NASTY}keeper"
    with Session(river_url, "test") as sql:
        sql.execute(f"SET standard_conforming_strings = {strings}")
        sql.execute(script(keeper, NASTY))
        rows = sql.execute(f"SELECT river_schema FROM {quote_identifier(keeper).replace('%%', '%')}.meta")  # noqa: S608 (ours)

    assert [row.river_schema for row in rows] == [NASTY]
