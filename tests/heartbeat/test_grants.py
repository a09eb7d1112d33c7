"""The worker's role is enough to keep the contract, and no more than that: proven by logging in."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from conformance.rescue import rescue
from fixtures.contract import INSTANCE, Connection, age, ask, beat, claims_of, connected, end, save
from fixtures.grants import grant
from fixtures.offenders import for_each
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.statements import statement
from riverkeeper.schema.grants import WORKER

CLAIM = {"job_ids": [1], "attempted_ats": ["2026-01-01T00:00:00Z"], "attempts": [1]}


@pytest.fixture
def owner(installed_url: str) -> Iterator[Connection]:
    """A database in which the printed script has run."""
    run_script(installed_url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    grant(installed_url)
    run_script(installed_url, f"DROP ROLE IF EXISTS beats; CREATE ROLE beats LOGIN IN ROLE {WORKER}")
    with connected(installed_url) as connection:
        yield connection


@pytest.fixture
def worker(owner: Connection, installed_url: str) -> Iterator[Connection]:
    with connected(installed_url.replace("postgres@", "beats@")) as connection:
        yield connection


def test_a_worker_keeps_the_contract(owner: Connection, worker: Connection) -> None:
    """Every statement of the contract that a client sends on its own connection, from the first to the last."""
    claims = claims_of(owner, 3)
    first, second, _ = ({key: claim[key] for key in ("job_id", "attempted_at", "attempt")} for claim in claims)
    assert ask(worker, "meta", {})[0]["river_schema"] == "public"
    found = ask(worker, "claim", {"job_id": first["job_id"], "attempt": first["attempt"], "client_id": "worker"})
    assert found[0]["attempted_at"] == first["attempted_at"]

    for _ in range(2):  # rows that are new, and rows that are there
        assert set(beat(worker, claims).values()) == {"held"}
    fields = ("pod_namespace", "pod_name", "pod_uid", "host")
    ask(worker, "pod", {"instance": INSTANCE, **dict.fromkeys(fields, "web-0")})
    for text in ("a new row", "the row that is there"):
        owner.execute("UPDATE riverkeeper.heartbeat SET stack_requested_at = clock_timestamp()")
        named = (("job_ids", "job_id"), ("attempted_ats", "attempted_at"))
        keys = {array: [claim[key] for claim in (first, second)] for array, key in named}
        ask(worker, "stack", keys | {"stacks": [text] * 2})
    assert {row["stack"] for row in owner.execute("SELECT stack FROM riverkeeper.stack")} == {"the row that is there"}
    age(owner)
    assert rescue(owner, second, 60.0)
    assert beat(worker, claims)[second["job_id"]] == "lost"
    assert save(worker, claims) == {claim["job_id"]: "refused" if claim is claims[1] else "taken" for claim in claims}
    assert ask(worker, "resume", first)[0]["val"] == "1"
    end(worker, [first, second])
    assert [row["outcome"] for row in owner.execute("SELECT * FROM riverkeeper.heartbeat ORDER BY job_id")] == [
        "completed", "completed", None,
    ]  # fmt: skip


def test_a_worker_may_look_where_there_is_no_table(owner: Connection, worker: Connection) -> None:
    """What the client asks River's own table when the heartbeat table was taken away."""
    [claim] = claims_of(owner, 1)
    values = {"job_ids": [claim["job_id"]], "attempted_ats": [claim["attempted_at"]], "attempts": [claim["attempt"]]}
    text = statement("heartbeat/claim_status", river="public")

    assert len(worker.execute(text, values).fetchall()) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("verify_claim", {"job_id": 1, "attempted_at": "2026-01-01T00:00:00Z", "attempt": 1}),
        (
            "checkpoint_tx",
            {"job_id": 1, "attempted_at": "2026-01-01T00:00:00Z", "attempt": 1, "number": 1, "val": "1"},
        ),
        ("beat_metadata", CLAIM),
    ],
)
def test_what_belongs_to_the_login_that_works(worker: Connection, name: str, values: dict[str, object]) -> None:
    """Three statements write or lock the job's own row; River's worker may do that, a login that only beats may not."""
    with pytest.raises(errors.InsufficientPrivilege):
        ask(worker, name, values)


@for_each(
    "text",
    [
        "SELECT args FROM river_job",
        "SELECT metadata, errors FROM river_job",
        "UPDATE river_job SET state = 'available'",
        "INSERT INTO river_job (kind) VALUES ('k')",
        "DELETE FROM river_job",
        "SELECT id FROM river_job FOR UPDATE",
        "SELECT FROM river_queue",
        "UPDATE riverkeeper.heartbeat SET lost_at = NULL",
        "UPDATE riverkeeper.heartbeat SET lost_at = now()",
        "UPDATE riverkeeper.heartbeat SET stop_requested_at = NULL",
        "UPDATE riverkeeper.heartbeat SET stack_requested_at = now()",
        "SELECT pod_uid FROM riverkeeper.client",
        "SELECT stack FROM riverkeeper.stack",
        "SELECT taken_at FROM riverkeeper.stack",
        "UPDATE riverkeeper.stack SET job_id = 2",
        "DELETE FROM riverkeeper.stack",
        "BEGIN; LOCK TABLE riverkeeper.stack IN ROW EXCLUSIVE MODE",
        "INSERT INTO riverkeeper.heartbeat (job_id, lost_at) VALUES (1, now())",
        "SELECT outcome FROM riverkeeper.heartbeat",
        "UPDATE riverkeeper.heartbeat SET attempted_at = now()",
        "UPDATE riverkeeper.client SET instance = gen_random_uuid()",
        "UPDATE riverkeeper.client SET started_at = now()",
        "BEGIN; LOCK TABLE riverkeeper.client IN ACCESS EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE riverkeeper.client IN SHARE MODE",
        "BEGIN; LOCK TABLE riverkeeper.client IN ROW EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE riverkeeper.heartbeat IN ACCESS EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE riverkeeper.heartbeat IN ROW EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE river_job IN ROW EXCLUSIVE MODE",
        "INSERT INTO riverkeeper.late_result (job_id) VALUES (1)",
        "SELECT FROM riverkeeper.late_result",
        "SELECT riverkeeper.drop_late_result()",
        "SELECT FROM riverkeeper.rescue",
        "UPDATE riverkeeper.control SET stopped_at = now()",
        "DELETE FROM riverkeeper.heartbeat",
        "TRUNCATE riverkeeper.heartbeat",
        "DELETE FROM riverkeeper.client",
        "DELETE FROM riverkeeper.checkpoint",
        "UPDATE riverkeeper.checkpoint SET attempted_at = now()",
        "UPDATE riverkeeper.checkpoint SET generation = 9",
        "BEGIN; LOCK TABLE riverkeeper.checkpoint IN ROW EXCLUSIVE MODE",
        "UPDATE riverkeeper.meta SET version = 99",
        "SELECT FROM riverkeeper.ledger",
        "SELECT FROM riverkeeper.ledger_total",
        "CREATE TABLE riverkeeper.mine ()",
        "CREATE TABLE public.mine ()",
    ],
)
def test_what_a_worker_may_not_do(worker: Connection, text: str) -> None:
    """No job's data, no change to a job, no claim taken away or given back, nothing of Riverkeeper's own."""
    worker.rollback()  # of the case before
    worker.execute("SET search_path = public")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute(text)


def test_every_instance_is_one_process(owner: Connection, worker: Connection) -> None:
    """The role's rows look like any other's."""
    beat(worker, claims_of(owner, 1))

    assert [row["instance"] for row in owner.execute("SELECT instance FROM riverkeeper.client")] == [INSTANCE]


def test_a_worker_may_pretend(owner: Connection, worker: Connection) -> None:
    """What the role may do all the same, as SECURITY.md lists: beats for others' claims, processes that are none."""
    [claim] = claims_of(owner, 1)
    for number in range(2, 5):
        assert beat(worker, [claim], UUID(int=number)) == {claim["job_id"]: "held"}

    assert len(owner.execute("SELECT FROM riverkeeper.client").fetchall()) == 3
