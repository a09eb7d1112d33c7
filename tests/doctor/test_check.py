"""`check`: finds each fault, reports it once, and its fix works."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console

from fixtures.check import check_url
from fixtures.grants import grant
from fixtures.random_tables import fill
from fixtures.scrape import read
from riverkeeper.cli.check import table_of
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.doctor import findings
from riverkeeper.doctor.check import SHOWN
from riverkeeper.doctor.doors import describe_doors
from riverkeeper.doctor.report import CheckFinding, CheckReport, Level
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.schema.install import install

HEALTHY = """
INSERT INTO river_leader VALUES ('default', 'host-a', now() - interval '1 hour', now() + interval '1 hour');
INSERT INTO river_job (kind, state, attempted_at, metadata)
    VALUES ('k', 'running', now() - interval '1 minute', jsonb_build_object('health_check_at', now()));
"""
# As a running Riverkeeper leaves it.
AT_WORK = """
UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now(),
    actor_name = 'keeper-1', actor_at = now(),
    path_state = '{"modes": {"urgent": "live", "standard": "live"}, "patience": 3600}'
"""


@dataclass
class Patient:
    """A database without a fault."""

    url: str
    sql: Session

    def examined(self, url: str | None = None) -> CheckReport:
        return check_url(url or self.url)


@pytest.fixture
def patient(river_url: str, sql: Session) -> Patient:
    sql.execute(HEALTHY)
    install(river_url, None, None)
    sql.execute(AT_WORK)
    return Patient(river_url, sql)


def bad(report: CheckReport) -> list[CheckFinding]:
    return [finding for finding in report.findings if finding.level is not Level.OK]


def test_when_all_is_well(patient: Patient) -> None:
    """Every topic is checked, and there is no problem."""
    report = patient.examined()

    assert bad(report) == []
    assert not report.has_problems
    assert {finding.topic for finding in report.findings} == {
        "server", "clock", "river", "rights", "keeper schema", "rescuer", "leader", "beats", "poison", "statistics",
        "indexes", "fence", "rescue",
    }  # fmt: skip
    assert describe_doors(report.findings) == (
        "All is well: Look, Beat and Rescue are open, and a job whose worker is killed now is rescued."
    )


RUNNING = "INSERT INTO river_job (kind, state, attempted_at, metadata) VALUES ('k', 'running', now(), {})"
MANY = "INSERT INTO river_job (kind) SELECT 'k' FROM generate_series(1, 9000)"
HARM = {
    "fetching index": (
        "DROP INDEX river_job_prioritized_fetching_index",
        Level.PROBLEM, "indexes", "river_job_prioritized_fetching_index is missing",
    ),
    "finalized index": (
        "DROP INDEX river_job_state_and_finalized_at_index",
        Level.PROBLEM, "indexes", "river_job_state_and_finalized_at_index is missing",
    ),
    "never analyzed": (
        "ALTER TABLE river_job SET (autovacuum_enabled = off);" + MANY,
        Level.WARNING, "statistics", "never analyzed",
    ),
    "rescue count": (
        RUNNING.format("'{\"river:rescue_count\": 1.5}'"), Level.PROBLEM, "poison", "river:rescue_count is wrong",
    ),
    "cancel": (
        RUNNING.format("'{\"cancel_attempted_at\": \"yesterday\"}'"),
        Level.PROBLEM, "poison", "cancel_attempted_at is wrong",
    ),
    "both": (
        RUNNING.format("'{\"cancel_attempted_at\": 7, \"river:rescue_count\": 1e30}'"),
        Level.PROBLEM, "poison", "cancel_attempted_at, river:rescue_count is wrong",
    ),
    "no object": (RUNNING.format("'[]'"), Level.PROBLEM, "poison", "metadata is wrong"),
}  # fmt: skip


@pytest.mark.parametrize(("harm", "level", "topic", "what"), HARM.values(), ids=HARM)
def test_sql_given_as_fix_works(patient: Patient, harm: str, level: Level, topic: str, what: str) -> None:
    """The statement runs as printed, and the next check finds no fault."""
    patient.sql.execute(harm)
    (finding,) = bad(patient.examined())

    assert (finding.level, finding.topic) == (level, topic)
    assert what in finding.message
    assert finding.fix is not None
    patient.sql.execute(finding.fix)
    assert bad(patient.examined()) == []


def test_missing_rights_come_with_the_grant(patient: Patient) -> None:
    """The finding names each unreadable column once, with the GRANT; all else is checked too."""
    grant(patient.url)
    patient.sql.execute(
        'DROP ROLE IF EXISTS "weak one"; CREATE ROLE "weak one" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC;'
        'GRANT USAGE ON SCHEMA public TO "weak one"; GRANT SELECT (id, state, queue) ON river_job TO "weak one"'
    )
    url = patient.url.replace("postgres@", "weak%20one@")
    rights, *others = bad(patient.examined(url))

    assert rights.level is Level.PROBLEM
    assert {other.level for other in others} == {Level.MISSING}
    assert "may not read attempt, max_attempts" in rights.message
    assert "of river_job; may not read name, paused_at, updated_at of river_queue" in rights.message
    assert rights.fix == 'GRANT riverkeeper_keeper TO "weak one";'
    run_script(patient.url, rights.fix)
    assert bad(patient.examined(url)) == []
    assert read(url).error is None


def test_missing_usage_of_the_schema_comes_with_the_grant(patient: Patient) -> None:
    """The finding names the schema, with the GRANT."""
    grant(patient.url)
    patient.sql.execute(
        "DROP ROLE IF EXISTS no_usage; CREATE ROLE no_usage LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC"
    )
    (first, *_) = bad(check_url(patient.url.replace("postgres@", "no_usage@"), "public"))

    assert first.message == 'no_usage may not use schema "public"'
    assert first.fix == 'GRANT riverkeeper_reader TO "no_usage";'


@pytest.mark.parametrize(
    ("change", "level", "what"),
    [
        ("DELETE FROM river_leader", Level.PROBLEM, "no River client is the leader"),
        ("UPDATE river_leader SET expires_at = now() - interval '70 s'", Level.PROBLEM, "was, until 1 min 10 s ago"),
        ("DROP TABLE river_leader", Level.WARNING, "there is no table river_leader"),
        ("DROP TABLE river_migration", Level.WARNING, "there is no table river_migration"),
        ("UPDATE river_job SET metadata = '{}'", Level.MISSING, "0 of 1 running job beat"),
        (RUNNING.format("'{\"health_check_at\": \"noon\"}'"), Level.WARNING, "health_check_at of 1 job does not count"),
        ("DROP SCHEMA riverkeeper CASCADE", Level.MISSING, '"riverkeeper" is not installed'),
        ("UPDATE riverkeeper.meta SET version = 1", Level.WARNING, "has version 1, which is older"),
        ("UPDATE riverkeeper.meta SET min_compatible = 99", Level.PROBLEM, "needs a Riverkeeper that knows version 99"),
        ("UPDATE riverkeeper.meta SET river_schema = 'eu'", Level.PROBLEM, 'belongs to River schema "eu"'),
    ],
)  # fmt: skip
def test_every_finding_has_a_fix(patient: Patient, change: str, level: Level, what: str) -> None:
    """One finding and its fix; where the keeper schema cannot be used, the path cannot be verified either."""
    patient.sql.execute(change)
    (finding,) = [finding for finding in bad(patient.examined()) if finding.topic != "heartbeat path"]

    assert finding.level is level
    assert what in finding.message
    assert finding.fix


@pytest.mark.parametrize(
    ("version", "standby", "skew", "found"),
    [
        (180006, False, 0.2, []),
        (130020, False, 0.0, ["not tested with a version this old"]),
        (180006, True, 0.0, ["a standby"]),
        (180006, False, -7.25, ["differ by -7.2 s"]),
    ],
)
def test_servers_and_clocks(version: int, standby: bool, skew: float, found: list[str]) -> None:
    """Findings that need an old server, a standby or a wrong clock."""
    reported = [*findings.on_server(version, "orders", standby=standby, skew=skew)]
    warned = [finding for finding in reported if finding.level is Level.WARNING]

    assert len(warned) == len(found)
    assert all(words in finding.message and finding.fix for finding, words in zip(warned, found, strict=True))


def test_an_empty_river_has_only_what_is_not_there_yet(river_url: str) -> None:
    """Without jobs, leader or keeper schema the report names both missing parts, and no query fails."""
    report = check_url(river_url)

    assert {finding.topic: finding.level for finding in bad(report)} == {
        "keeper schema": Level.MISSING,
        "leader": Level.NOT_YET,
    }
    assert "no job is running" in {finding.message for finding in report.findings}
    assert not report.has_problems


@pytest.mark.parametrize(
    ("url", "topic", "what"),
    [
        (lambda url: url.replace("/river", "/no_such"), "database", "does not exist"),
        (lambda url: "postgresql://u:hunter2@127.0.0.1:1/x", "database", "connection failed"),
        (lambda url: "postgresql://u:hunter2@@x/", "database", "more than one @"),
        (lambda url: url + "?options=-csearch_path%3Dnowhere", "river", "no table river_job in the search_path"),
    ],
)
def test_an_error_that_ends_the_check_is_reported(
    river_url: str, url: Callable[[str], str], topic: str, what: str
) -> None:
    """No exception and no password leaves `examine`."""
    (finding,) = bad(check_url(url(river_url)))

    assert (finding.level, finding.topic) == (Level.PROBLEM, topic)
    assert what in finding.message
    assert "hunter2" not in str(finding)
    assert finding.fix


def test_check_and_the_metric_count_the_same_poison_jobs(river_url: str, sql: Session) -> None:
    """`river_rescuer_poison_jobs` counts them, `check` names them: both use one rule."""
    fill(sql, seed=11, jobs=300, states=("running",))
    running = read(river_url).running
    named = [finding for finding in bad(check_url(river_url)) if finding.message.startswith("job ")]
    known = {row.id for row in sql.execute("SELECT id FROM given_metadata WHERE poison")}

    assert running is not None
    assert running.poison == len(known) > SHOWN
    assert len(named) == SHOWN
    assert {int(finding.message.split()[1]) for finding in named} == set(sorted(known)[:SHOWN])


def test_check_writes_nothing(patient: Patient) -> None:
    """Not even in the keeper schema."""
    before = patient.sql.execute("SELECT * FROM riverkeeper.ledger")
    patient.examined()

    assert patient.sql.execute("SELECT * FROM riverkeeper.ledger") == before


def test_odd_names_are_quoted_in_fixes(river_url: str) -> None:
    """The fix for a schema with an odd name runs as printed."""
    schema = 'it\'s "100%"'
    create_river_table(river_url, schema)
    with Session(river_url) as sql:
        sql.execute('SET search_path = "it\'s ""100%"""')
        sql.execute(RUNNING.format("'[]'"))
    (poison,) = [finding for finding in bad(check_url(river_url, schema)) if finding.topic == "poison"]
    run_script(river_url, poison.fix or "")

    assert not [finding for finding in bad(check_url(river_url, schema)) if finding.topic == "poison"]


def test_the_report_for_scripts_and_for_people(patient: Patient) -> None:
    """JSON has the worst level first; the table shows names as plain text, not as markup."""
    patient.sql.execute("UPDATE river_job SET metadata = '[]', kind = '[red]loud[/red]'")
    report = patient.examined()
    out = io.StringIO()
    Console(file=out, width=200).print(table_of(report))

    document = json.loads(json.dumps(report.as_json()))
    assert document["level"] == "problem"
    assert {"level", "topic", "message", "fix"} == set(document["findings"][0])
    assert "[red]loud[/red]" in out.getvalue()
    assert "→ UPDATE" in out.getvalue()


def test_user_triggers_that_a_rescue_would_break(river_url: str, sql: Session) -> None:
    """A trigger that depends on the search_path is reported; one that sets its own, or only sees inserts, is not."""
    body = "RETURNS trigger LANGUAGE plpgsql {} AS $$ BEGIN INSERT INTO audit VALUES (new.id); RETURN new; END $$"
    sql.execute("CREATE TABLE audit (id bigint)")
    for name, setting, event in (
        ("loose", "", "UPDATE"),
        ("fixed", "SET search_path = public", "UPDATE"),
        ("inserts", "", "INSERT"),
    ):
        sql.execute(f"CREATE FUNCTION {name}() {body.format(setting)}")
        sql.execute(f"CREATE TRIGGER {name} AFTER {event} ON river_job FOR EACH ROW EXECUTE FUNCTION {name}()")
    found = [finding for finding in check_url(river_url).findings if finding.topic == "triggers"]

    assert [finding.level for finding in found] == [Level.WARNING]
    assert "trigger loose on river_job" in found[0].message
    assert "ALTER FUNCTION public.loose()" in str(found[0].fix)
