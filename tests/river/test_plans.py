"""How the server answers each question about river_job: by the index the file names, never by reading the table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping

import pytest

from consistency.tree import PACKAGE
from fixtures.offenders import for_each
from fixtures.plans import Plan, explain, header, nodes
from riverkeeper.demo.postgres import Server
from riverkeeper.ledger.attempts import BUDGETS
from riverkeeper.ledger.ledger import attempt_parameters, finished_parameters
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.session_settings import PIN
from riverkeeper.postgres.statements import source, statement
from riverkeeper.river.layout import FINAL_STATES, LIVE_STATES
from riverkeeper.river.running import PARAMETERS as RUNNING
from riverkeeper.schema.install import install
from riverkeeper.verdict.client_ids import ID_AFTER_HOST

BOUND = 10  # rows or entries; every part of the fillings is longer
STATES = [state for state in LIVE_STATES if state != "running"]
NOW = time.time()
INSTANCE = "00000000-0000-0000-0000-000000000001"
SLOTS = [int(NOW // 10) - ago for ago in range(6)]

LOOKED = {"scan_bound": BOUND, "most_rows": BOUND, "most_errors": 20, "most_bytes": 65_536, "most_metadata": 8_192}

# The parameters to ask each question with. A new file that reads river_job needs a line here.
ASKED: dict[str, Mapping[str, object]] = {
    "river/read_waiting_kinds": {"states": STATES, "queues": ["q1"] * len(STATES), "bounds": [BOUND] * len(STATES)},
    "river/read_partition_counts": {
        "states": STATES,
        "queues": ["q1"] * len(STATES),
        "priorities": [2] * len(STATES),
        "moments": [NOW] * len(STATES),
        "bounds": [BOUND] * len(STATES),
    },
    "river/read_names": {"states": [*LIVE_STATES, *FINAL_STATES], "most": BOUND, "queue": "q1", "kind": "kind 6"},
    "river/read_partitions": {"states": STATES, "max_partitions": BOUND},
    "river/read_failing": {
        "states": list(LIVE_STATES),
        "queue": "q1",
        "kind": None,
        "scan_bound": BOUND,
        "shown": 10,
        "most_bytes": 10_000,
    },
    "river/read_oldest_finalized": {"states": list(FINAL_STATES)},
    "river/read_poison": {**RUNNING, "most_rows": BOUND},
    "river/read_running": RUNNING,
    "river/read_longest": {
        **RUNNING,
        "queue": "q1",
        "kind": "kind 6",
        "worker": "host-a",
        "shown": BOUND,
        "id_after_host": ID_AFTER_HOST,
        "queues": ["q1"],
        "kinds": ["kind 6"],
        "priorities": [1],
    },
    "river/read_running_groups": {"queue": "q1", "kind": "kind 6", "max_rows": BOUND},
    "river/read_client_names": {"max_rows": BOUND, "most": BOUND},
    "river/read_claims": {"max_rows": BOUND, "recent": BOUND, "own_clocks": ["host-a"]},
    "river/read_clients_at_work": {"max_rows": BOUND, "recent": BOUND, "kind": "kind 6", "queue": None},
    "river/read_kinds_of_clients": {"max_rows": BOUND, "names": BOUND, "clients": ["host-a"]},
    "river/read_left_claims": {"instances": [INSTANCE]},
    "river/read_claimants": {"max_rows": BOUND},
    "river/read_job": {
        "job_id": 7,
        "most_bytes": 65_536,
        "most_error_bytes": 65_536,
        "most_letters": 100,
        "most_errors": 5,
    },
    "river/read_suspects": {
        **RUNNING,
        "queues": ["q0", "q1"],
        "kinds": ["kind 0", "kind 6"],
        "priorities": [1, 2],
        "drains": [10.0] * 2,
        "heartbeat_limits": [35.0] * 2,
        "progress_limits": [None] * 2,
        "never_beat_limits": [35.0] * 2,
        "run_limits": [60.0] * 2,
        "result_limits": [10.0] * 2,
        "clients": ["host-a"],
        "dead_clients": ["host-b"],
    },
    "ledger/read_attempts": {
        **attempt_parameters([(state, "q1", 2) for state in BUDGETS], SLOTS, since=NOW - 900, refresh=NOW - 900),
        "bounds": [BOUND] * len(BUDGETS),
    },
    "ledger/read_finished": finished_parameters(SLOTS, most=BOUND),
    "ledger/count_resumes": {"most": BOUND},
    "ledger/read_last_finished": {"until": NOW, "bound": BOUND},
    "ledger/read_fingerprints": {"slots": SLOTS},
    "look/read_claims": LOOKED,
    "look/read_due_kinds": {"queues": ["q0", "q1"], "priorities": [1, 2], "scan_bound": BOUND},
    "look/read_traces": {
        "states": [*FINAL_STATES, *LIVE_STATES],
        "queues": [None] * len(FINAL_STATES) + ["q1"] * len(LIVE_STATES),
        "bounds": [BOUND] * (len(FINAL_STATES) + len(LIVE_STATES)),
        "mosts": [BOUND] * (len(FINAL_STATES) + len(LIVE_STATES)),
        **LOOKED,
    },
    "look/read_ended": {"states": list(FINAL_STATES), "scan_bound": BOUND},
}
# Asked only where the planner knows nothing of a table whose queues are too long to count.
SAMPLED: dict[str, Mapping[str, object]] = {"river/read_waiting_sample": {"states": STATES, "pages": BOUND}}

FILL = """
INSERT INTO river_job (state, queue, priority, kind, scheduled_at, attempted_at, attempted_by, errors, finalized_at)
SELECT s, 'q' || i %% 5, 1 + i %% 4, 'kind ' || i %% 30, now() - i * interval '1 second', now(), ARRAY['host-a'],
    ARRAY['{"error": "boom"}'::jsonb],
    CASE WHEN s IN ('cancelled', 'completed', 'discarded') THEN now() - i * interval '5 seconds' END
FROM (
    SELECT i, (%(states)s::text[])[1 + i / 10 %% cardinality(%(states)s::text[])]::river_job_state AS s
    FROM generate_series(1, 20000) AS i
) AS job
"""
BEATS = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT j.id, j.attempted_at, j.attempt, CASE WHEN j.id %% 500 < 5 THEN %(instance)s::uuid ELSE gen_random_uuid() END,
    '10 s', now()
FROM river_job AS j WHERE j.state = 'running'
"""
PROCESS = """
INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
VALUES (%(instance)s::uuid, 'host-a', now(), '10 s', false, '', now())
"""
# Shares of live rows that lead the planner to different thoughts about the table.
TABLES: dict[str, tuple[str, ...]] = {
    "mostly finished": (*LIVE_STATES, *FINAL_STATES * 15),
    "mostly live": (*LIVE_STATES * 6, *FINAL_STATES),
    "mostly waiting": (*LIVE_STATES, *FINAL_STATES, *("available",) * 80),
    "mostly running": (*LIVE_STATES, *FINAL_STATES, *("running",) * 80),
}


def questions() -> list[str]:
    """Every file of a reading that reads river_job; EXPLAIN alone reads nothing."""
    names = [
        f"{folder}/{path.stem}"
        for folder in ("river", "ledger", "look")
        for path in (PACKAGE / folder / "sql").glob("*.sql")
    ]
    return sorted(
        name
        for name in names
        if re.search(r"\b(FROM|JOIN)\s+river\.river_job\b", source(name))
        and "\nEXPLAIN (FORMAT JSON)" not in source(name)
    )


@pytest.fixture(scope="module", params=[*TABLES, "never analyzed"])
def filled(postgres: Server, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session in the planner's settings of a reading, on a filled table."""
    url = postgres.database(f"plans_{request.param.replace(' ', '_')}", template="river_template")
    with Session(url, "test") as sql:
        sql.execute("DROP INDEX river_job_args_index, river_job_metadata_index")  # no question can use them
        sql.execute(FILL, {"states": list(TABLES.get(request.param, TABLES["mostly live"]))})
        install(url, None, None)
        sql.execute(BEATS, {"instance": INSTANCE})
        sql.execute(PROCESS, {"instance": INSTANCE})
        if request.param != "never analyzed":
            sql.execute("VACUUM ANALYZE")
        sql.execute("BEGIN")
        sql.execute(PIN)
        sql.execute(statement("river/open_transaction"))
        yield sql


def test_every_question_about_jobs_has_parameters_here() -> None:
    """A new file that reads river_job is planned below, or this fails."""
    assert questions() == sorted(ASKED | SAMPLED)


@for_each("name", ASKED)
def test_no_question_reads_the_whole_table(filled: Session, name: str) -> None:
    """Only index scans, only of indexes that the file names, whatever the planner believes about the table."""
    scans = list(scans_of_jobs(explained(filled, name)))

    assert scans
    assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Index Only Scan"}
    assert {scan["Index Name"] for scan in scans} <= set(re.findall(r"river_job\w*", header(name)))


@for_each("name", ASKED)
def test_no_question_reads_rows_only_to_drop_them(filled: Session, name: str) -> None:
    """What the index finds is what was searched for: the work done is the answer's size, not the table's."""
    for scan in scans_of_jobs(explained(filled, name)):
        assert scan.get("Rows Removed by Filter", 0) == 0
        assert scan["Actual Rows"] * scan["Actual Loops"] <= most_rows(filled, name), scan


@for_each("name", [name for name in ASKED if "bound" in "".join(ASKED[name])])
def test_a_bound_is_a_bound(filled: Session, name: str) -> None:
    """A part of the queue longer than the bound is read up to the bound, not sorted and cut afterwards."""
    for scan in scans_of_jobs(explained(filled, name)):
        assert scan["Actual Rows"] <= BOUND


@for_each("name", SAMPLED)
def test_a_sample_is_of_as_many_pages_as_requested(filled: Session, name: str) -> None:
    """Whole pages of the table, by chance a few more or fewer; never the table."""
    (scan,) = scans_of_jobs(explained(filled, name))

    assert scan["Node Type"] == "Sample Scan"
    assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] <= 3 * BOUND


def test_a_beat_costs_one_look(filled: Session) -> None:
    """The heartbeat table is joined whole, once, or looked up by its key: never searched for each job."""
    found = nodes(explained(filled, "river/read_running"))
    scans = [scan for scan in found if scan.get("Relation Name") == "heartbeat"]

    assert len(scans) == 1
    assert scans[0]["Actual Loops"] == 1 or scans[0]["Index Name"] == "heartbeat_pkey"
    assert scans[0].get("Rows Removed by Filter", 0) == 0


@pytest.mark.parametrize("without", [(), ("keeper.heartbeat",)])
def test_the_running_rows_are_read_once(filled: Session, without: tuple[str, ...]) -> None:
    """However large their parameters are, with heartbeats or not."""
    (scan,) = scans_of_jobs(explained(filled, "river/read_running", without))

    assert scan["Actual Loops"] == 1


def test_many_running_rows_are_read_page_by_page(filled: Session) -> None:
    """With bitmaps too the index finds them, and nothing is read only to be dropped."""
    filled.execute("SAVEPOINT here")
    filled.execute(statement("river/set_bitmaps"), {"allowed": "on"})
    (scan,) = scans_of_jobs(explained(filled, "river/read_running"))
    filled.execute("ROLLBACK TO SAVEPOINT here")

    assert scan["Node Type"] in {"Index Scan", "Bitmap Heap Scan"}
    assert scan.get("Rows Removed by Filter", 0) == scan.get("Rows Removed by Index Recheck", 0) == 0
    assert scan["Actual Rows"] <= most_rows(filled, "river/read_running")


def most_rows(sql: Session, name: str) -> int:
    """More rows than this the question has no use for."""
    if name.removeprefix("river/read_") in {"longest", "client_names", "poison", "running", "suspects"}:
        return int(sql.execute("SELECT count(*) AS n FROM public.river_job WHERE state = 'running'")[0].n)
    if name == "ledger/read_attempts":
        return 120 + BOUND * len(BUDGETS)
    if name in {"ledger/read_finished", "ledger/read_fingerprints"}:
        return 120  # of two minutes, with one job finished in five seconds at most: 24
    return BOUND * len(LIVE_STATES) * 2


def explained(sql: Session, name: str, without: tuple[str, ...] = ()) -> Plan:
    return explain(sql, name, (ASKED | SAMPLED)[name], without)


def scans_of_jobs(plan: Plan) -> Iterator[Plan]:
    """The nodes that touch river_job."""
    return (node for node in nodes(plan) if node.get("Relation Name") == "river_job")
