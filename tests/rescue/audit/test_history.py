"""What the audit holds, and what an operator may switch, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

import pytest

from riverkeeper.brakes import control
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.history import AuditRecord, ResumedCheckpoint, read_report, read_rescues
from riverkeeper.rescue.audit.report import ClaimCounts
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.schema.schemas import open_keeper

DAY = 86400.0
INSERT = """
INSERT INTO riverkeeper.rescue (
    at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, evidence, woken_by, keeper,
    old_worker, old_outcome, was_false, closed_at
) VALUES (
    now() - make_interval(secs => %(age)s), %(dry_run)s, %(job_id)s, '2023-11-14T22:13:20Z', 1, %(queue)s, %(kind)s, 1,
    %(tier)s, %(reason)s, %(action)s, '{"value": 47}', 'supervisor', gen_random_uuid(), %(old_worker)s,
    %(old_outcome)s, %(was_false)s,
    CASE WHEN %(closed)s THEN now() END
)
"""


@pytest.fixture
def tx(installed_url: str) -> Iterator[Transaction]:
    with open_keeper(load(None, {}, Options(database_url=installed_url)), 60, writing=True) as transaction:
        yield transaction


def audit(sql: Session, job_id: int, **changes: object) -> None:
    """A row of the audit, of a minute ago."""
    values = {
        "age": 60.0, "dry_run": True, "job_id": job_id, "queue": "mail", "kind": "send", "tier": "standard",
        "reason": "worker_lost", "action": "retry", "old_worker": None, "old_outcome": None, "was_false": None,
        "closed": False,
    }  # fmt: skip
    sql.execute(INSERT, values | changes)


RESUMED = ResumedCheckpoint(attempt=1, number=41, saved_at=1_700_000_097.0, at=1_700_000_160.5)


def record(evidence: Mapping[str, object], **changes: object) -> AuditRecord:
    made = AuditRecord(
        1, 1_700_000_147.0, False, 7, 1, "mail", "send", "standard", "worker_lost", "retry", "available", None,
        evidence, "supervisor", 2.0, resumed=RESUMED,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_audit_has_how_far_the_work_was_and_where_it_went_on() -> None:
    """In plain words, without the value of the checkpoint; what is not known is not there."""
    known = {"progress": 0.734, "beat_at": 1_700_000_100.0}
    assert record(known).work_sentence == (
        "rescued at 73%, resumed from checkpoint 41, saved 3.0 s before its last heartbeat"
    )
    assert record({**known, "beat_at": 1_700_000_097.2}).work_sentence.endswith("41, saved with its last heartbeat")
    assert record({"beat_at": 1_700_000_090.0}).work_sentence == (
        "resumed from checkpoint 41, saved 7.0 s after its last heartbeat"
    )
    assert record(known, attempt=2).work_sentence.endswith("checkpoint 41 of attempt 1, saved 50 s before the rescue")
    assert record({}).work_sentence.endswith("checkpoint 41 of attempt 1, saved 50 s before the rescue")
    assert record(known, resumed=None).work_sentence == "rescued at 73%"
    assert record(known, resumed=None, dry_run=True).work_sentence == "at 73%"
    assert record(known, resumed=None, action="stop").work_sentence == "at 73%"
    assert record({}, resumed=None).work_sentence == ""


def test_a_checkpoint_comes_back_as_the_ledger_wrote_it(sql: Session, tx: Transaction) -> None:
    """The column is JSON; a rescue after which nothing resumed has none."""
    audit(sql, 1)
    audit(sql, 2)
    sql.execute(
        "UPDATE riverkeeper.rescue SET resumed = %(resumed)s WHERE job_id = 2", {"resumed": json.dumps(asdict(RESUMED))}
    )

    found = {row.job_id: row.resumed for row in read_rescues(tx, Scope(), 9).rows}
    assert found == {1: None, 2: RESUMED}


def test_the_newest_comes_first_within_the_question(sql: Session, tx: Transaction) -> None:
    """By queue, kind, tier, reason and job, at most so many."""
    audit(sql, 1, age=300)
    audit(sql, 2, age=200, queue="bulk", tier="urgent", dry_run=False)
    audit(sql, 3, age=100, reason="hung", kind="report")

    def ids(scope: Scope, shown: int = 9, job_id: int | None = None) -> list[int]:
        return [row.job_id for row in read_rescues(tx, scope, shown, job_id).rows]

    assert ids(Scope()) == [3, 2, 1]
    assert ids(Scope(), shown=2) == [3, 2]
    assert ids(Scope(queue="mail")) == [3, 1]
    assert ids(Scope(kind="send", tier="urgent")) == [2]
    assert ids(Scope(reason="hung")) == [3]
    assert ids(Scope(), job_id=1) == [1]


def test_a_row_comes_back_as_it_was_written(sql: Session, tx: Transaction) -> None:
    """Evidence included; moments in the database's seconds."""
    audit(sql, 1, old_worker="silent", was_false=False, closed=True)
    found = read_rescues(tx, Scope(), 1)
    (row,) = found.rows

    assert (row.queue, row.kind, row.tier, row.reason, row.action) == (
        "mail",
        "send",
        "standard",
        "worker_lost",
        "retry",
    )
    assert (row.evidence, row.was_false, row.dry_run) == ({"value": 47}, False, True)
    assert row.closed_at is not None
    assert found.now - row.at == pytest.approx(60, abs=30)


def test_the_report_counts_claims(sql: Session, tx: Transaction) -> None:
    """A claim once, however many reasons or acts it saw; false as soon as one row is; older ones not."""
    audit(sql, 1, was_false=False, closed=True)
    audit(sql, 2, was_false=True, closed=True)
    audit(sql, 3, reason="hung", was_false=False, closed=True)
    audit(sql, 3, reason="worker_lost", was_false=True, closed=True)
    audit(sql, 4)
    audit(sql, 5, closed=True)
    audit(sql, 6, age=8 * DAY, was_false=True, closed=True)
    audit(sql, 7, dry_run=False, action="stop", was_false=False, closed=True)
    audit(sql, 8, dry_run=False, was_false=False, closed=True, age=600)
    audit(sql, 9, dry_run=False, was_false=True, closed=True, age=500)
    audit(sql, 10, was_false=True, age=2 * DAY)
    audit(sql, 11, was_false=False, closed=True, age=2 * DAY)

    assert read_report(tx, 7 * DAY) == (
        ClaimCounts(
            "standard", "send", False, claims=2, false_claims=1, right_claims=1, open=0, rated=1, rated_false=0
        ),
        ClaimCounts("standard", "send", True, claims=7, false_claims=3, right_claims=2, open=1, rated=2, rated_false=1),
    )


def test_the_kill_switch_names_who_pulled_it_first(tx: Transaction) -> None:
    """Pulled twice it stays as it was; released once it is gone, and the status names by whom."""
    first = control.pause(tx, "ann@host", "deploy")
    again = control.pause(tx, "bob@host", None)
    assert (first.by, first.why, again) == ("ann@host", "deploy", first)
    assert control.read_status(tx).pause == first

    ended = control.resume(tx, "cid@host")
    assert ended is not None
    assert (ended.by, ended.at) == (first.by, first.at)
    assert control.resume(tx, "dan@host") is None
    status = control.read_status(tx)
    assert status.pause is None
    assert status.resumed is not None
    assert (status.resumed.by, status.resumed.stop) == ("cid@host", "stopped by ann@host: deploy")
    assert status.engaged == ()


def test_only_an_engaged_brake_is_released(sql: Session, tx: Transaction) -> None:
    """Who released it stands in its row, and the active replica releases it at its next tick, not this command."""
    sql.execute("INSERT INTO riverkeeper.brake (name, engaged_at, sentence) VALUES ('mass_silence', now(), '9 of 10')")

    assert control.release(tx, "rate", "ann@host") is None
    assert control.release(tx, "mass_silence", "ann@host") == "9 of 10"
    (brake,) = control.read_status(tx).engaged
    assert (brake.name, brake.sentence, brake.released) == ("mass_silence", "9 of 10", True)


def test_the_status_is_read_from_the_tables(sql: Session, tx: Transaction) -> None:
    """An installed schema whose replicas never acted, and one that did."""
    fresh = control.read_status(tx)
    assert (fresh.pause, fresh.engaged, fresh.active_replica, fresh.wakes_open, fresh.last_rescue_at) == (
        None,
        (),
        None,
        0,
        None,
    )

    audit(sql, 1, dry_run=False, age=30)
    audit(sql, 2, age=10)
    sql.execute("UPDATE riverkeeper.control SET actor_name = 'keeper-1', actor_at = now(), path_ok_since = now()")
    sql.execute("INSERT INTO riverkeeper.wake (fingerprint, starts_at, alert) VALUES ('ff', now(), 'A')")
    used = control.read_status(tx)
    assert used.last_rescue_at is not None
    assert used.last_dry_run_at is not None
    assert used.last_rescue_at < used.last_dry_run_at
    assert (used.active_replica, used.wakes_open, used.path_ok_since is None) == ("keeper-1", 1, False)


def test_a_missing_keeper_schema_is_reported(river_url: str) -> None:
    """Every page and command that needs it names the fix."""
    with (
        pytest.raises(DatabaseError) as caught,
        open_keeper(load(None, {}, Options(database_url=river_url)), 10),
    ):
        pass

    assert caught.value.kind is ErrorKind.NO_KEEPER


@pytest.mark.parametrize("was_false", [None, True, False])
def test_page_report_and_brake_call_the_same_false(sql: Session, tx: Transaction, was_false: bool | None) -> None:
    """One decision, stored in the row, whatever else is in the row: nobody derives it a second time."""
    audit(sql, 1, dry_run=False, old_worker="finished", old_outcome="completed", was_false=was_false, closed=True)
    sql.execute(
        "INSERT INTO riverkeeper.brake (name, state)"
        " VALUES ('mass_silence', jsonb_build_object('slow_from', extract(epoch FROM now()) - 300))"
    )
    (row,) = read_rescues(tx, Scope(), 1, 1).rows
    (tally,) = read_report(tx, DAY)

    assert row.was_false is was_false
    assert (tally.false_claims, tally.right_claims) == (int(was_false is True), int(was_false is False))
    assert tx.query("brakes/read_brakes", {"dry_run": False})[0].false_rescues == tally.false_claims
