"""`riverkeeper look` on a table with known problems, and on a healthy table."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fixtures.waiting import until
from riverkeeper.cli import main
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.look import inspect as inspection
from riverkeeper.look.finding import Finding
from riverkeeper.look.inspect import MOST_POISON, MOST_ROWS, inspect
from riverkeeper.look.report import document
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

RESCUED = "Stuck job rescued by JobRescuer"
HEALTHY = """
INSERT INTO river_leader (leader_id, elected_at, expires_at)
VALUES ('web_2026_01_01T00_00_00_000000', now() - interval '1 hour', now() + interval '1 hour');
INSERT INTO river_queue (name, updated_at) VALUES ('default', now() - interval '3 min'), ('mail', now());
INSERT INTO river_job (kind, queue, state, attempt, attempted_at, attempted_by, scheduled_at, finalized_at)
SELECT 'email', 'default', 'completed', 1, at, ARRAY['web_2026_01_01T00_00_00_000000'], at, at + interval '2 s'
FROM generate_series(now() - interval '20 hours', now() - interval '10 s', interval '1 min') AS at;
INSERT INTO river_job (kind, queue, state, attempt, attempted_at, attempted_by, scheduled_at)
VALUES ('email', 'default', 'running', 1, now() - interval '3 s', ARRAY['web_2026_01_01T00_00_00_000000'], now()),
    ('email', 'default', 'available', 0, NULL, NULL, now() - interval '1 s'),
    ('report', 'default', 'scheduled', 0, NULL, NULL, now() + interval '1 hour');
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, scheduled_at, errors)
VALUES ('email', 'retryable', 1, now() - interval '20 s', ARRAY['web_2026_01_01T00_00_00_000000'],
    now() + interval '9 s',
    ARRAY[jsonb_build_object('at', now(), 'attempt', 1, 'error', 'no such address', 'trace', '')]);
"""
JOB = """
INSERT INTO river_job (kind, queue, state, attempt, max_attempts, attempted_at, attempted_by, scheduled_at,
    finalized_at, errors, metadata)
SELECT %(kind)s, %(queue)s, %(state)s::river_job_state, %(attempt)s, %(max_attempts)s,
    now() - %(claimed)s * interval '1 s', %(clients)s::text[], now() - %(due)s * interval '1 s',
    now() - %(ended)s * interval '1 s',
    (
        SELECT array_agg(jsonb_build_object(
            'attempt', e -> 0, 'at', now() - (e ->> 1)::float8 * interval '1 s', 'error', e -> 2, 'trace', ''
        ))
        FROM jsonb_array_elements(%(errors)s::jsonb) AS e
    ),
    %(metadata)s::jsonb
FROM generate_series(1, %(jobs)s)
"""


def insert(sql: Session, kind: str, state: str, **given: Any) -> None:
    """Jobs of a kind; moments are seconds ago, errors (attempt, seconds ago, text)."""
    ended = 60.0 if state in {"completed", "cancelled", "discarded"} else None
    values = {
        "queue": "default", "attempt": 1, "max_attempts": 25, "claimed": 120.0, "clients": None, "due": 120.0,
        "ended": ended, "jobs": 1, **given,
        "errors": json.dumps(given.get("errors", [])), "metadata": json.dumps(given.get("metadata", {})),
    }  # fmt: skip
    sql.execute(JOB, {"kind": kind, "state": state, **values})


def inspect_url(url: str) -> Mapping[str, list[Finding]]:
    """Findings by name."""
    found: dict[str, list[Finding]] = {}
    for finding in inspect(load(None, {}, Options(database_url=url))).findings:
        found.setdefault(finding.name, []).append(finding)
    return found


@pytest.fixture
def healthy(river_url: str, sql: Session) -> Session:
    """A River on which everything works."""
    sql.execute(HEALTHY)
    return sql


def test_nothing_is_invented_on_a_healthy_table(river_url: str, healthy: Session) -> None:
    """Jobs that run, wait, retry after a failure or are completed give no findings."""
    del healthy

    assert inspect_url(river_url) == {}


def test_a_cancel_is_measured_with_clocks_that_are_off(river_url: str, healthy: Session) -> None:
    """One by a clock five minutes behind is not old yet; a claim by a clock ahead may have been cancelled."""
    cancelled(healthy, "behind", 310, 1200.0)
    cancelled(healthy, "left_over", 3600, 900.0)
    cancelled(healthy, "ahead", 600, 500.0, "java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10")
    [finding] = inspect_url(river_url)["cancel_not_obeyed"]

    assert finding.kinds == ("ahead",)
    assert "For 1 of them it may be of an earlier attempt: clocks may differ." in finding.evidence


ELECTED = (
    "INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('next', now(), now() + interval '1 hour')"
)

OTHERS = """SELECT count(*) AS others FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'riverkeeper'"""


def test_no_leader_is_missed_during_an_election(
    river_url: str, healthy: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that resigned leaves no row for some seconds: a look at that moment waits for the next one."""
    monkeypatch.setattr(inspection, "ELECTION_SECONDS", 600.0)
    healthy.execute("DELETE FROM river_leader")
    with ThreadPoolExecutor() as pool:
        found = pool.submit(inspect_url, river_url)
        until(lambda: healthy.execute(OTHERS)[0].others, "a connection of the look")
        healthy.execute(ELECTED)

    assert found.result() == {}


def test_a_leader_that_never_comes_is_missing(
    river_url: str, healthy: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait ends. (It is a third of the real one here.)"""
    monkeypatch.setattr(inspection, "ELECTION_SECONDS", 2.0)
    healthy.execute("DELETE FROM river_leader")

    assert set(inspect_url(river_url)) == {"leader_missing"}


def killed_and_rescued(sql: Session) -> None:
    insert(
        sql, "charge_card", "retryable", jobs=3, claimed=3800.0, due=-60.0, errors=[[1, 100.0, RESCUED]],
        metadata={"river:rescue_count": 1},
    )  # fmt: skip


def late_failure(sql: Session) -> None:
    insert(
        sql, "payout", "completed", attempt=2, errors=[[1, 4000.0, RESCUED], [1, 7600.0, "connection reset"]],
        metadata={"river:rescue_count": 1},
    )  # fmt: skip


def late_success(sql: Session) -> None:
    insert(sql, "transcode", "completed", jobs=10, claimed=700.0, ended=100.0)
    insert(
        sql, "transcode", "completed", attempt=2, claimed=70.0, ended=60.0, errors=[[1, 80.0, RESCUED]],
        metadata={"river:rescue_count": 1},
    )  # fmt: skip


def late_snooze(sql: Session) -> None:
    insert(
        sql, "poll", "scheduled", attempt=0, claimed=50.0, due=-60.0, errors=[[1, 80.0, RESCUED]],
        metadata={"river:rescue_count": 1, "snoozes": 1},
    )  # fmt: skip


def unknown_kind(sql: Session) -> None:
    insert(sql, "rust_thumbnail", "discarded", errors=[[1, 90.0, RESCUED]], metadata={"river:rescue_count": 1})


def deploys(sql: Session) -> None:
    insert(sql, "import", "retryable", jobs=5, clients=["web_1"], errors=[[1, 100.0, "stop initiated"]], due=-60.0)


def all_attempts_failed(sql: Session) -> None:
    insert(sql, "sync", "discarded", jobs=2, attempt=25, errors=[[25, 100.0, "503 from upstream"]])


def last_attempt(sql: Session) -> None:
    insert(sql, "webhook", "retryable", attempt=4, max_attempts=5, errors=[[4, 90.0, "timeout"]], due=-60.0)


def duplicates(sql: Session) -> None:
    insert(sql, "reindex", "discarded", attempt=0, metadata={"unique_key_conflict": "scheduler_discarded"})


def snoozes(sql: Session) -> None:
    insert(sql, "await_file", "scheduled", attempt=0, metadata={"snoozes": 700}, due=-60.0)


def long_runner(sql: Session) -> None:
    insert(sql, "backup", "running", claimed=7500.0)


def cancelled(sql: Session, kind: str, ago: float, claimed: float, client: str = "w") -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    insert(sql, kind, "running", claimed=claimed, clients=[client], metadata={"cancel_attempted_at": at})


def deaf(sql: Session) -> None:
    cancelled(sql, "render", 600, 1200.0)


def poison(sql: Session) -> None:
    insert(sql, "odd", "running", metadata={"river:rescue_count": 1.5})


def no_leader(sql: Session) -> None:
    sql.execute("UPDATE river_leader SET expires_at = now() - interval '5 min'")


def overdue(sql: Session) -> None:
    insert(sql, "reminder", "scheduled", attempt=0, claimed=None, due=900.0)


def paused(sql: Session) -> None:
    sql.execute("UPDATE river_queue SET paused_at = now() WHERE name = 'mail'")
    insert(sql, "newsletter", "available", queue="mail", attempt=0, claimed=None, due=1800.0)


def nobody_there(sql: Session) -> None:
    insert(sql, "mailshot", "available", queue="bulk", attempt=0, claimed=None, due=1800.0)


def clients_claim_nothing(sql: Session) -> None:
    insert(sql, "newsletter", "available", queue="mail", attempt=0, claimed=None, due=1800.0)


def unworked(sql: Session) -> None:
    insert(sql, "forgotten", "available", attempt=0, claimed=None, due=1800.0)


def slow(sql: Session) -> None:
    insert(sql, "email", "available", attempt=0, claimed=None, due=700.0, jobs=20)


def behind(sql: Session) -> None:
    insert(sql, "email", "completed", claimed=400_000.0, ended=390_000.0)


def longer_than_an_hour(sql: Session) -> None:
    insert(sql, "backup", "completed", claimed=9000.0, ended=60.0)


def successor(sql: Session) -> None:
    older, younger = (f"web_{day}T00_00_00_000000" for day in ("2026_11_26", "2026_11_27"))
    sql.execute("UPDATE river_job SET attempted_by = ARRAY[%(name)s]", {"name": younger})
    sql.execute(
        "INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by)"
        " VALUES ('invoice', 'running', 1, '2026-11-26T12:00:00Z', ARRAY[%(name)s])", {"name": older},
    )  # fmt: skip


def stale_worker(sql: Session, url: str) -> None:
    install(url, None, None)
    insert(sql, "ingest", "running", claimed=900.0, clients=["w_1"])
    sql.execute(
        "INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)"
        " SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - interval '5 min' FROM river_job"
        " WHERE kind = 'ingest'"
    )


def test_jobs_whose_heartbeats_stopped(river_url: str, healthy: Session) -> None:
    """Suspected until the heartbeat path is verified, with what is missing; then stuck."""
    stale_worker(healthy, river_url)
    unproven = inspect_url(river_url)
    healthy.execute("UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 day', path_probe_at = now()")
    proven = inspect_url(river_url)

    assert [finding.kinds for finding in unproven["suspected"]] == [("ingest",)]
    assert "stuck" not in unproven
    assert [finding.kinds for finding in proven["stuck"]] == [("ingest",)]
    assert "suspected" not in proven


PROBLEMS = {
    "rescued_by_river": (killed_and_rescued, "charge_card"),
    "worked_twice": (late_failure, "payout"),
    "completed_too_soon": (late_success, "transcode"),
    "unknown_kind_discarded": (unknown_kind, "rust_thumbnail"),
    "attempts_lost_to_deploys": (deploys, "import"),
    "discarded": (all_attempts_failed, "sync"),
    "close_to_discard": (last_attempt, "webhook"),
    "discarded_as_duplicates": (duplicates, "reindex"),
    "snoozed_for_ever": (snoozes, "await_file"),
    "running_past_the_limit": (long_runner, "backup"),
    "cancel_not_obeyed": (deaf, "render"),
    "rescuer_stopped_by_a_row": (poison, "odd"),
    "leader_missing": (no_leader, None),
    "scheduler_stalled": (overdue, None),
    "queue_paused": (paused, "newsletter"),
    "queue_without_worker": (nobody_there, "mailshot"),
    "queue_stands_still": (clients_claim_nothing, "newsletter"),
    "kind_not_worked": (unworked, "forgotten"),
    "waits_long": (slow, "email"),
    "cleaner_behind": (behind, None),
    "longer_than_the_limit": (longer_than_an_hour, "backup"),
    "worker_gone": (successor, "invoice"),
}


TOGETHER = list(PROBLEMS)[:12]


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_problem_has_its_finding(river_url: str, healthy: Session, name: str) -> None:
    """Each problem, alone on a healthy table, has a finding with its name and kind."""
    make, kind = PROBLEMS[name]
    make(healthy)
    found = inspect_url(river_url)

    assert name in found, sorted(found)
    assert kind is None or any(kind in finding.kinds for finding in found[name])
    assert all(finding.title and finding.evidence and finding.advice for every in found.values() for finding in every)


def test_a_rescued_job_that_lost_its_unique_key_is_of_a_known_kind(river_url: str, healthy: Session) -> None:
    """River's scheduler discarded it for another job, with attempts left and a rescue as its last error."""
    metadata = {"river:rescue_count": 1, "unique_key_conflict": "scheduler_discarded"}
    insert(healthy, "reindex", "discarded", errors=[[1, 90.0, RESCUED]], metadata=metadata)
    found = inspect_url(river_url)

    assert "unknown_kind_discarded" not in found
    assert [finding.kinds for finding in found["discarded_as_duplicates"]] == [("reindex",)]


def test_a_late_snooze_proves_a_living_worker(river_url: str, healthy: Session) -> None:
    """It takes back a number that it does not have; attempts that an operator reset prove nothing."""
    late_snooze(healthy)
    insert(
        healthy, "reset", "completed", attempt=1, claimed=50.0, errors=[[1, 80.0, RESCUED], [1, 70.0, "boom"]],
        metadata={"river:rescue_count": 1},
    )  # fmt: skip

    assert [finding.kinds for finding in inspect_url(river_url)["worked_twice"]] == [("poll",)]


def test_consequences_have_no_findings(river_url: str, healthy: Session) -> None:
    """Twelve problems at once give twelve findings, with what heartbeats would change, and no others."""
    for make, _ in [PROBLEMS[name] for name in TOGETHER]:
        make(healthy)

    assert set(inspect_url(river_url)) <= {*TOGETHER, "heartbeats_would_help"}
    assert set(TOGETHER) <= set(inspect_url(river_url))


def test_many_kinds_make_a_short_report(river_url: str, healthy: Session) -> None:
    """Ten thousand kinds without attempts left: ten findings and one for the rest, which names some and counts all."""
    healthy.execute(
        "INSERT INTO river_job (kind, state, attempt, max_attempts, attempted_at, finalized_at, errors)"
        " SELECT 'kind ' || i, 'discarded', 1, 1, now() - interval '2 min', now() - interval '1 min',"
        " ARRAY[jsonb_build_object('attempt', 1, 'at', now(), 'error', 'boom')] FROM generate_series(1, 10000) AS i"
    )
    report = inspect(load(None, {}, Options(database_url=river_url)))
    text = json.dumps(document(report))

    assert len(report.findings) == 11
    assert report.findings[-1].title == "The same for 4,990 more kinds"
    assert any("More discarded jobs" in sentence for sentence in report.describe_coverage())
    assert len(text) < 20_000


def test_more_long_jobs_than_are_read(river_url: str, healthy: Session) -> None:
    """The number is a lower bound."""
    insert(healthy, "backup", "running", claimed=7500.0, jobs=MOST_ROWS + 1)
    report = inspect(load(None, {}, Options(database_url=river_url)))
    (finding,) = [finding for finding in report.findings if finding.name == "running_past_the_limit"]

    assert finding.title.startswith("At least 5,000 jobs of backup")


def test_more_rows_that_stop_the_rescuer_than_are_read(river_url: str, healthy: Session) -> None:
    """The number is a lower bound; kinds and queues are those of the rows."""
    insert(healthy, "odd", "running", jobs=MOST_POISON + 1, metadata={"river:rescue_count": 1.5})
    (finding,) = inspect_url(river_url)["rescuer_stopped_by_a_row"]

    assert finding.title.startswith("At least 100 rows")
    assert (finding.kinds, finding.queues) == (("odd",), ("default",))


def test_what_could_not_be_read_is_unknown(river_url: str, healthy: Session) -> None:
    """A login without a right on one column: that part is named as unread, and the rest of the report is there."""
    late_failure(healthy)
    healthy.execute(
        "DROP ROLE IF EXISTS narrow; CREATE ROLE narrow LOGIN; GRANT SELECT ON river_leader, river_queue TO narrow;"
        " GRANT SELECT (id, state, queue, kind, priority, attempt, max_attempts, attempted_at, attempted_by,"
        " scheduled_at, created_at, finalized_at, errors) ON river_job TO narrow"
    )
    report = inspect(load(None, {}, Options(database_url=river_url.replace("postgres@", "narrow@"))))

    assert any(sentence.startswith("traces: ") for sentence in report.unread), report.unread
    assert "could not be read" in report.verdict


def test_each_finding_has_its_heading_in_the_docs() -> None:
    """Each finding links to its paragraph."""
    text = (Path(__file__).parents[2] / "docs" / "look.md").read_text(encoding="utf-8")

    assert [
        name for name in [*PROBLEMS, "heartbeats_would_help", "stuck", "suspected"] if f"### {name}\n" not in text
    ] == []


def test_a_rescue_by_riverkeeper_is_not_rivers(river_url: str, healthy: Session) -> None:
    """The audit counts Riverkeeper's own rescues, not `look`."""
    ours = "Stuck job rescued by Riverkeeper: worker_lost"
    insert(healthy, "email", "completed", attempt=2, errors=[[1, 90.0, ours]], metadata={"river:rescue_count": 1})

    assert "rescued_by_river" not in inspect_url(river_url)


def test_it_writes_nothing(river_url: str, healthy: Session) -> None:
    """Not even where a keeper schema is installed and this login may write it."""
    CliRunner().invoke(main, ["schema", "install", "--database-url", river_url], catch_exceptions=False)
    healthy.execute("CREATE TABLE written (tag text)")
    healthy.execute(
        "CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO public.written VALUES (tg_table_name); RETURN NULL; END $$"
    )
    tables = healthy.execute(
        "SELECT schemaname AS s, tablename AS t FROM pg_tables WHERE schemaname IN ('public', 'riverkeeper')"
    )
    for table in tables:
        if table.t != "written":
            healthy.execute(
                f"CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON {table.s}.{table.t}"
                " FOR EACH STATEMENT EXECUTE FUNCTION note_write()"
            )
    inspect_url(river_url)

    assert healthy.execute("SELECT tag FROM written") == []


def test_the_command(river_url: str, healthy: Session, tmp_path: Path) -> None:
    """A report for people, an object for scripts, a page for a mail; texts of users are escaped."""
    insert(healthy, "<b>[red]x", "discarded", attempt=25, errors=[[25, 100.0, "<script>[bold]boom"]])
    page = tmp_path / "look.html"
    shown = CliRunner().invoke(main, ["look", river_url], catch_exceptions=False)
    asked = CliRunner().invoke(main, ["look", river_url, "--json", "--html", str(page)], catch_exceptions=False)
    document = json.loads(asked.stdout)

    assert shown.exit_code == asked.exit_code == 0
    assert "<b>[red]x job discarded" in shown.stdout
    assert [finding["name"] for finding in document["findings"]] == ["discarded"]
    assert document["findings"][0]["docs"].endswith("#discarded")
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;[red]x" in text
    assert "<script" not in text


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    """Exit code 1 with a message, without the password of the URL."""
    result = CliRunner().invoke(main, ["look", f"postgresql://me:secret@/none?host={tmp_path}"])

    assert result.exit_code == 1
    assert "connect" in result.output
    assert "secret" not in result.output
