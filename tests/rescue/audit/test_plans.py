"""How the server answers each question about the audit: by the index the file names, whatever it knows of the table.

The audit keeps months. It grows by thousands of rows in seconds when a fleet dies, long before the planner knows it.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from uuid import UUID

import pytest

from consistency.tree import PACKAGE
from fixtures.offenders import for_each
from fixtures.plans import Plan, explain, header, nodes
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.session_settings import PIN
from riverkeeper.postgres.statements import source
from riverkeeper.river.running import PARAMETERS as RUNNING
from riverkeeper.schema.install import install
from riverkeeper.verdict.client_ids import ID_AFTER_HOST

NOW = time.time()
AUDITED = 20_000  # rows of other jobs
SHOWN = 10
MOST_READ = 200  # rows that any question may touch; those of the last minute and of a page are fewer
AT = "2026-11-01T00:00:00Z"
INSTANCE = "00000000-0000-0000-0000-000000000001"
CLAIMS = json.dumps(
    [
        {"number": number, "job_id": number + 1, "attempt": 1, "attempted_at": AT, "reason": "worker_lost"}
        for number in range(SHOWN)
    ]
)
ENTRY = {
    "at": NOW, "dry_run": False, "job_id": 1, "attempt": 1, "attempted_at": AT, "queue": "q1", "kind": "report",
    "priority": 1, "tier": "standard", "reason": "worker_lost", "action": "retry", "state_after": "available",
    "scheduled_at": NOW, "evidence": {}, "woken_by": "supervisor", "keeper": INSTANCE, "late_seconds": 1.0,
}  # fmt: skip
JOB = {"job_id": 1, "attempted_at": AT, "most_rows": SHOWN}
NO_FILTER = dict.fromkeys(("queue", "kind", "tier", "reason", "job_id"))

# The parameters of each question. A new file that reads the audit or the dropped results needs a line here.
ASKED: dict[str, Mapping[str, object]] = {
    "brakes/read_brakes": {"dry_run": False},
    "brakes/read_status": {},
    "ledger/count_resumes": {"most": SHOWN},
    "ledger/read_censored": {"first": NOW / 86400 + 1},
    "rescue/audit/count_by_client": {
        "since": 60.0, "most_rows": SHOWN, "instances": [INSTANCE], "clients": ["host-a"], "beat_ats": [NOW],
        "intervals": [10.0],
    },
    "rescue/audit/count_late_results": {},
    "rescue/audit/find_recorded": {"claims": CLAIMS},
    "rescue/audit/find_rescue": JOB,
    "rescue/audit/prune_audit": {"retention": 30 * 86400.0},
    "rescue/audit/prune_late_results": {"retention": 30 * 86400.0},
    "rescue/audit/read_job_late_results": JOB,
    "rescue/audit/read_job_rescues": JOB,
    "rescue/audit/read_open": {"after": 0, "most": SHOWN},
    "rescue/audit/read_report": {"dry": 60.0, "live": 60.0, "since": 60.0},
    "rescue/audit/read_rescues": {**NO_FILTER, "shown": SHOWN},
    "rescue/audit/write_audit": {"rows": json.dumps([ENTRY])},
    "rescue/audit/write_outcomes": {
        "ids": [1, 2], "old_workers": ["silent"] * 2, "ats": [None] * 2, "outcomes": [None] * 2, "closed": [True] * 2,
        "was_false": [False] * 2,
    },
    "rescue/read_jobs": {"claims": CLAIMS},
    "river/read_job": {
        "job_id": 1, "most_bytes": 65_536, "most_error_bytes": 65_536, "most_letters": 100, "most_errors": 5,
    },
    "river/read_longest": {
        **RUNNING, "queue": None, "kind": None, "worker": None, "shown": SHOWN, "id_after_host": ID_AFTER_HOST,
        "queues": None, "kinds": None, "priorities": None,
    },
    "river/read_suspects": {
        **RUNNING, "queues": ["q1"], "kinds": ["report"], "priorities": [1], "drains": [10.0],
        "heartbeat_limits": [35.0], "progress_limits": [None], "never_beat_limits": [35.0], "run_limits": [60.0],
        "result_limits": [10.0],
        "clients": ["host-a"], "dead_clients": [],
    },
    "schema/sweep_heartbeats": {"most": SHOWN},
}  # fmt: skip

JOBS = """
INSERT INTO river_job (state, queue, priority, kind, attempt, attempted_at, attempted_by)
SELECT 'running', 'q1', 1, 'report', 1, %(at)s::timestamptz, ARRAY['host-a'] FROM generate_series(1, 10)
"""
# Of jobs that are long gone, the newest of five seconds ago, the oldest of a day and a bit.
AUDIT = """
INSERT INTO riverkeeper.rescue (
    at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, evidence, woken_by, keeper,
    closed_at, was_false
)
SELECT
    now() - make_interval(secs => 5 * i), %(dry_run)s, 1000 + i, %(at)s::timestamptz, 1, 'q1', 'report', 1, 'standard',
    'worker_lost', 'retry', jsonb_build_object('as long as', repeat('x', 600)), 'supervisor',
    %(instance)s::uuid, now(), false
FROM generate_series(%(first)s::integer, %(last)s::integer) AS i
"""
DROPPED = """
INSERT INTO riverkeeper.late_result (at, job_id, claimed_at, queue, kind, outcome, row_state, row_attempt, counted_at)
SELECT now() - make_interval(secs => 5 * i), 1000 + i, %(at)s::timestamptz, 'q1', 'report', 'completed', 'running', 2,
    now()
FROM generate_series(%(first)s::integer, %(last)s::integer) AS i
"""
HEARTBEATS = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT i, %(at)s::timestamptz, 1, %(instance)s::uuid, '10 s', now() - interval '1 hour' FROM generate_series(1, 20) AS i
"""
CHECKPOINTS = """
INSERT INTO riverkeeper.checkpoint (
    job_id, attempted_at, attempt, generation, number, value, saved_at, resumed_at, resumes
)
SELECT i, %(at)s::timestamptz, 1, 1, 1, '1', now(), now(), 1 FROM generate_series(1, 10) AS i
"""


def fill(sql: Session, first: int, last: int, *, dry_run: bool) -> None:
    values = {"at": AT, "instance": UUID(INSTANCE), "first": first, "last": last, "dry_run": dry_run}
    sql.execute(AUDIT, values)
    sql.execute(DROPPED, values)


KNOWN = ("never analyzed", "analyzed", "analyzed before it grew", "analyzed long ago")


@pytest.fixture(scope="module", params=itertools.product(KNOWN, ("rescues", "dry runs")), ids=" of ".join)
def filled(postgres: Server, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on an audit of one sort, without a row of the jobs in question."""
    known, sort = request.param
    url = postgres.database(f"audit_{known}_{sort}".replace(" ", "_"), template="river_template")
    install(url, None, None)
    with Session(url, "test") as sql:
        for table in ("rescue", "late_result"):
            sql.execute(f"ALTER TABLE riverkeeper.{table} SET (autovacuum_enabled = off)")
        for text in (JOBS, HEARTBEATS, CHECKPOINTS):
            sql.execute(text, {"at": AT, "instance": UUID(INSTANCE)})
        old = {"analyzed": AUDITED, "analyzed long ago": 500}.get(known, 0)  # of which the planner knows
        fill(sql, AUDITED - old + 1, AUDITED, dry_run=sort == "dry runs")
        if known != "never analyzed":
            sql.execute("ANALYZE")
        fill(sql, 1, AUDITED - old, dry_run=sort == "dry runs")
        yield sql


def questions() -> list[str]:
    """Every file that reads or writes the audit, or the results that the fence dropped."""
    names = [path.parent.parent.relative_to(PACKAGE) / path.stem for path in PACKAGE.rglob("sql/*.sql")]
    return sorted(
        name.as_posix()
        for name in names
        if name.parts[0] != "demo" and re.search(r"keeper\.(rescue|late_result)\b", source(name.as_posix()))
    )


def test_every_question_about_the_audit_has_parameters_here() -> None:
    """A new file that reads the audit is planned below, or this fails."""
    assert questions() == sorted(ASKED)


@for_each("name", ASKED)
def test_no_question_reads_the_audit(filled: Session, name: str) -> None:
    """Each row is found by an index that the file names; no more are touched than the answer needs."""
    filled.execute("BEGIN")
    filled.execute(PIN)
    try:
        plan = explain(filled, name, ASKED[name])
    finally:
        filled.execute("ROLLBACK")

    for scan in scans(plan):
        assert "Index Name" in scan or scan["Node Type"] in {"Bitmap Heap Scan", "ModifyTable"}, scan
        assert touched(scan) <= MOST_READ, scan
        if touched(scan):  # an index in which nothing is found costs nothing, whichever it is
            assert scan.get("Index Name", "_pkey").endswith("_pkey") or scan["Index Name"] in header(name), scan


def scans(plan: Plan) -> Iterator[Plan]:
    """The nodes that read the audit or the dropped results."""
    for node in nodes(plan):
        about = f"{node.get('Relation Name', '')} {node.get('Index Name', '')}"
        if re.search(r"\b(rescue|late_result)", about):
            yield node


def touched(scan: Plan) -> float:
    """Rows that were read, also those that were dropped at once."""
    each = scan["Actual Rows"] + sum(value for name, value in scan.items() if name.startswith("Rows Removed"))
    return float(each * scan["Actual Loops"])
