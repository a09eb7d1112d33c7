"""The vectors of the contract are true of a real server: a match is held, what they send is stored."""

from __future__ import annotations

import json
import threading
from dataclasses import make_dataclass
from typing import Any

import pytest

from consistency.tree import ROOT
from fixtures.contract import beat, claims_of, connected
from riverkeeper.heartbeat import ActiveClaim, Claim, ClaimLost, HeartbeatTier, StopRequested
from riverkeeper.heartbeat.active_claims import ActiveClaims
from riverkeeper.heartbeat.claim import fit_fraction, fit_note, format_attempted_at
from riverkeeper.heartbeat.fence import ClientFence
from riverkeeper.heartbeat.pod import fit_name
from riverkeeper.heartbeat.table import HeartbeatTable, WorkerProcess
from riverkeeper.heartbeat.ticker import REFUSALS, BeatFailures, Ticker
from riverkeeper.postgres.driver_errors import explain
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Parameters, Row

VECTORS = ROOT / "clients" / "vectors"
Case = dict[str, Any]


def read_vectors(name: str) -> list[Case]:
    return list(json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8")))


def test_the_readme_names_every_file() -> None:
    """A client's author reads there what a case is."""
    text = (VECTORS / "README.md").read_text(encoding="utf-8")

    assert [file.name for file in sorted(VECTORS.glob("*.json")) if f"`{file.name}`" not in text] == []


@pytest.mark.parametrize("case", read_vectors("claims"), ids=lambda case: case["name"])
def test_a_claim_is_matched_by_the_instant_and_answered_by_its_place(case: Case, installed_url: str) -> None:
    """Whatever text names it: a client that sends a JavaScript Date hears `lost`, and hears it for the right claim."""
    if case["text"] is None:
        return
    with connected(installed_url) as sql:
        [claim, other] = claims_of(sql, 2)
        sql.execute("UPDATE river_job SET attempted_at = %s WHERE id = %s", [case["claimed_at"], claim["job_id"]])
        answers = [beat(sql, [other, claim | {"attempted_at": text}]) for text in (case["given"], case["text"])]

    wanted = {other["job_id"]: "held", claim["job_id"]: "held" if case["matches"] else "lost"}
    assert answers == [wanted, wanted]


def test_what_is_sent_is_stored(installed_url: str) -> None:
    """The table takes each progress and each note as the vectors have it."""
    refused = []
    with connected(installed_url) as sql:
        [claim] = claims_of(sql, 1)
        beat(sql, [claim])
        for column, cases in (("progress", read_vectors("progress")), ("note", read_vectors("notes"))):
            for case in cases:
                sql.execute(f"UPDATE riverkeeper.heartbeat SET {column} = %s", [case["sent"]])  # noqa: S608 - as above
                [stored] = sql.execute(f"SELECT {column} FROM riverkeeper.heartbeat").fetchall()  # noqa: S608
                if stored[column] != pytest.approx(case["sent"], abs=1e-6):
                    refused.append(case["name"])

    assert refused == []


@pytest.mark.parametrize("case", read_vectors("claims"), ids=lambda case: case["name"])
def test_python_writes_every_time_in_the_form_of_the_contract(case: Case) -> None:
    """What is no time with a zone is refused."""
    if case["text"] is None:
        with pytest.raises(ValueError, match=r"zone|isoformat|day"):
            format_attempted_at(case["given"])
    else:
        assert format_attempted_at(case["given"]) == case["text"]


def test_python_sends_progress_and_notes_as_the_vectors_have_them() -> None:
    """Python's strings hold lone surrogates, and no bytes."""
    numbers = {case["name"]: fit_fraction(number(case["given"])) for case in read_vectors("progress")}
    notes = [case for case in read_vectors("notes") if case.get("needs") != "bytes"]

    assert numbers == pytest.approx({case["name"]: case["sent"] for case in read_vectors("progress")}, abs=1e-6)
    assert {case["name"]: fit_note(case["given"]) for case in notes} == {case["name"]: case["sent"] for case in notes}


def test_python_sends_a_pod_as_the_vectors_have_it() -> None:
    """One bad value of the environment must stop no beat."""
    cases = read_vectors("pods")

    assert {case["name"]: fit_name(case["given"]) for case in cases} == {case["name"]: case["sent"] for case in cases}


def number(given: object) -> object:
    """JSON has no NaN and no infinity."""
    return float(given) if isinstance(given, str) else given


class FailedStatement(Exception):
    """As the driver raises it."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("failed")
        self.sqlstate = sqlstate


@pytest.mark.parametrize("case", read_vectors("sqlstates"), ids=lambda case: str(case["sqlstate"]))
def test_python_sorts_errors_as_the_vectors_do(case: Case) -> None:
    """A refusal renews leases; only a schema that is gone ends the tokens."""
    error = explain(FailedStatement(case["sqlstate"]), "beat", lost=True)
    fence = ClientFence(wanted=True)
    fence.record_answer(True)
    if error.kind in REFUSALS:
        fence.record_refusal(error)

    assert (error.kind in REFUSALS) == (case["meaning"] != "failure")
    assert fence.in_force is not case["fence_is_gone"]


def row_of(**columns: object) -> Row:
    return make_dataclass("AnsweredRow", columns)(**columns)


class AnsweredBy:
    """Stands for the connection of a HeartbeatTable: meta.sql and beat.sql bring what a case has."""

    def __init__(self, meta: Case | None, answer: str = "held") -> None:
        self.meta, self.answer = meta, answer

    def query(self, name: str, parameters: Parameters, seconds: float, *, check: bool = True) -> list[Row]:
        if name == "heartbeat/meta":
            return [] if self.meta is None else [row_of(**self.meta)]
        if self.answer in {"refusal", "read_only", "failure"}:
            state = {"refusal": "42501", "read_only": "25006", "failure": "57014"}[self.answer]
            raise explain(FailedStatement(state), "beat", lost=True)
        rows = {"missing": [], "unknown_ordinal": [row_of(ordinal=2, status="lost", stack_requested=False)]}
        return rows.get(self.answer, [row_of(ordinal=1, status=self.answer, stack_requested=False)])

    def close(self) -> None: ...


def table_with(connection: AnsweredBy, fence: ClientFence, river_schema: str = "public") -> HeartbeatTable:
    table = HeartbeatTable("postgresql://", river_schema, "riverkeeper", WorkerProcess("worker", 10.0), fence)
    table._connection = connection  # type: ignore[assignment]
    return table


@pytest.mark.parametrize("case", read_vectors("meta"), ids=lambda case: case["name"])
def test_python_beats_where_meta_allows_it(case: Case) -> None:
    """And learns of the fence where the schema is ours, also if it may not beat."""
    fence, connection = ClientFence(wanted=True), AnsweredBy(case["row"])
    table = table_with(connection, fence, case["own_river_schema"])
    refused: ErrorKind | None = None
    try:
        table._check(lambda name, values: connection.query(name, values, 1.0))
    except DatabaseError as error:
        refused = error.kind

    assert (refused is None, fence.in_force) == (case["beats"], case["fence"])
    assert refused in {None, *REFUSALS}


@pytest.mark.parametrize("case", read_vectors("decisions"), ids=lambda case: case["name"])
def test_python_acts_on_each_answer_as_the_vectors_do(case: Case) -> None:
    """Cancelled with the right cause, named in the next beat or not, the lease renewed or not."""
    claims, fence, closing = ActiveClaims(), ClientFence(wanted=True), threading.Event()
    active = ActiveClaim(Claim(1, "2026-01-31T23:59:59.123456Z", 1), HeartbeatTier(lease=30.0), last_beat_at=0.0)
    claims.add(active)
    table = table_with(AnsweredBy(None, case["answer"]), fence)
    Ticker(table, claims, BeatFailures(), 10.0, closing, fence).tick()

    causes = {ClaimLost: "claim_lost", StopRequested: "stop_requested", type(None): None}
    assert causes[type(active.reason)] == case["cancel"]
    assert (active in claims.list_beating()) == case["beats_on"]
    assert (active.last_beat_at > 0) == case["renews_lease"]
