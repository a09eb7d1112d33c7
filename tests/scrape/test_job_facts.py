"""One job as its page reads it: by keys alone, without its arguments, and judged as the scrape judges it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from fixtures.grants import grant
from fixtures.scrape import SETTINGS, reader
from fixtures.workers import GO, JAVA, RUBY, add_beat, add_job, add_process, add_rescue
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Tier
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source, statement
from riverkeeper.scrape.job_facts import JobFacts
from riverkeeper.scrape.job_life import EventKind, compose_life
from riverkeeper.scrape.job_reader import MOST_ERRORS, MOST_LETTERS, read_job_facts
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import Reason
from riverkeeper.web.pages.job import document, newest_stack

POLICY = Policy(
    {"standard": Tier("standard", progress_timeout=60.0, max_run=3000.0)},
    rescue=RescueSettings(interval=60.0),  # a probe counts for 90 s: a busy machine does not break the path meanwhile
)
OPEN = "UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now()"
PROGRESS = (
    "UPDATE riverkeeper.heartbeat SET progress_at = now() - make_interval(secs => %(ago)s) WHERE job_id = %(job)s"
)
LATE = """INSERT INTO riverkeeper.late_result (job_id, claimed_at, queue, kind, outcome, row_state, row_attempt)
    SELECT id, attempted_at, queue, kind, 'completed', 'available', 1 FROM river_job WHERE id = %(job)s"""
ERRORS = """UPDATE river_job SET args = '{"card": "4111-secret"}', errors = ARRAY(
    SELECT jsonb_build_object('attempt', n, 'at', '2026-11-28T10:00:00Z', 'error', repeat('x', 5000), 'trace', 'at f()')
    FROM generate_series(1, 30) AS n) WHERE id = %(job)s"""
STATEMENTS = {
    "river/read_job": {"most_bytes": 65_536, "most_error_bytes": 10**6, "most_letters": 100, "most_errors": 5},
    "river/read_job_beats": {"most_rows": 10},
    "river/read_job_checkpoints": {"most_rows": 10},
    "rescue/audit/read_job_rescues": {"most_rows": 10},
    "rescue/audit/read_job_late_results": {"most_rows": 10},
}
FILL = """
INSERT INTO river_job (kind, attempted_at) SELECT 'k', now() FROM generate_series(1, 4000);
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
    SELECT id, attempted_at, 1, gen_random_uuid(), '10 s', now() FROM river_job;
INSERT INTO riverkeeper.late_result (job_id, claimed_at, queue, kind, outcome, row_state, row_attempt)
    SELECT id, attempted_at, queue, kind, 'completed', 'available', 1 FROM river_job;
INSERT INTO riverkeeper.checkpoint (job_id, attempted_at, generation, attempt, value, saved_at, number)
    SELECT id, attempted_at, 1, 1, '{}', now(), 1 FROM river_job;
INSERT INTO riverkeeper.rescue (dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action,
        evidence, woken_by, keeper)
    SELECT id % 2 = 0, id, attempted_at, 1, queue, kind, 1, 'standard', 'hung',
        CASE WHEN id % 3 = 0 THEN 'stop' ELSE 'retry' END, '{}', 'supervisor', gen_random_uuid() FROM river_job;
ANALYZE"""


def facts_of(url: str, job: int) -> JobFacts:
    return read_job_facts(url, None, None, job, POLICY.heartbeat.metadata_interval, 20.0)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def test_each_statement_finds_the_job_by_a_key(installed_url: str, sql: Session) -> None:
    """However many jobs, heartbeats, rescues and late results there are: no row is read only to be dropped."""
    sql.execute(FILL)
    [job] = sql.execute("SELECT max(id) AS id FROM river_job")
    for name, parameters in STATEMENTS.items():
        text = statement(name, river="public", keeper="riverkeeper")
        rows = sql.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + text, {"job_id": job.id, **parameters})
        for node in nodes(rows[0][0][0]["Plan"]):
            assert node["Node Type"] != "Seq Scan", (name, node)
            assert node.get("Rows Removed by Filter", 0) == 0, (name, node)


def test_no_statement_names_the_arguments() -> None:
    """They are the users' data, whatever is shown else."""
    for name in STATEMENTS:
        assert "args" not in source(name).replace("never its arguments", "")


def test_errors_are_bounded_and_the_arguments_are_nowhere(installed_url: str, sql: Session) -> None:
    """The newest first, each text cut; and how many there are."""
    job = add_job(sql, state="retryable")
    sql.execute(ERRORS, {"job": job})
    facts = facts_of(installed_url, job)

    assert facts.row is not None
    assert (facts.row.error_count, len(facts.row.errors)) == (30, MOST_ERRORS)
    assert [error.failure.attempt for error in facts.row.errors[:2]] == [30, 29]
    assert len(facts.row.errors[0].failure.text) == MOST_LETTERS
    assert facts.row.errors[0].trace == "at f()"
    assert "secret" not in repr(facts)


def test_errors_that_are_too_large_are_not_read(
    installed_url: str, sql: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that is not shown as none."""
    monkeypatch.setattr("riverkeeper.scrape.job_reader.MOST_ERROR_BYTES", 100)
    job = add_job(sql, state="retryable")
    sql.execute(ERRORS, {"job": job})
    row = facts_of(installed_url, job).row

    assert row is not None
    assert (row.error_count, row.errors) == (None, ())


def test_a_job_with_errors_in_no_shape_is_read(installed_url: str, sql: Session) -> None:
    """Anything may be in a column that users can write."""
    job = add_job(sql, state="retryable")
    sql.execute("UPDATE river_job SET errors = ARRAY['3'::jsonb, '{\"at\": 7}', 'null'], metadata = '[]'")
    row = facts_of(installed_url, job).row

    assert row is not None
    assert [(error.failure.attempt, error.failure.at, error.failure.text) for error in row.errors] == [
        (None, None, "")
    ] * 3


def test_a_deleted_job_leaves_what_our_own_tables_hold(installed_url: str, sql: Session) -> None:
    """Rescue, heartbeat and late result stay for a while; a job that never was has nothing."""
    job = add_job(sql)
    add_beat(sql, job, add_process(sql, 1))
    add_rescue(sql, job)
    sql.execute(LATE, {"job": job})
    sql.execute("DELETE FROM river_job")
    deleted, never = facts_of(installed_url, job), facts_of(installed_url, 999)

    assert (deleted.row, deleted.running, deleted.is_known) == (None, None, True)
    assert [len(found or ()) for found in (deleted.beats, deleted.rescues, deleted.late)] == [1, 1, 1]
    assert (never.row, never.is_known) == (None, False)
    assert (never.beats, never.rescues, never.late) == ((), (), ())


def test_without_a_keeper_schema_the_rest_is_not_known(river_url: str, sql: Session) -> None:
    """None, not empty: it cannot be read."""
    facts = facts_of(river_url, add_job(sql))

    assert facts.row is not None
    assert (facts.beats, facts.rescues, facts.late) == (None, None, None)


@pytest.mark.parametrize("seed", range(2))
def test_a_job_is_judged_as_the_scrape_judges_it(installed_url: str, sql: Session, seed: int) -> None:
    """Each job of a random fleet that the scrape lists has the same reason and limit here; no other is stuck."""
    chance = random.Random(seed)
    sql.execute(OPEN)
    clients = [GO, JAVA, RUBY, "mine"]
    processes = {
        add_process(sql, number, client, chance.choice([1, 20, 200])): client
        for number, client in enumerate(clients, 1)
    }
    jobs = []
    for _ in range(12):
        process = chance.choice([*processes])
        jobs.append(add_job(sql, processes[process], ago=chance.choice([5, 100, 500, 4000])))
        if chance.random() < 0.6:
            add_beat(sql, jobs[-1], process, outcome=chance.choice([None, None, "abandoned"]))
            if chance.random() < 0.5:
                sql.execute(PROGRESS, {"job": jobs[-1], "ago": chance.choice([5, 90])})
    with reader(installed_url, replace(SETTINGS, policy=POLICY, with_rescuer=True)) as exporter:
        snapshot = exporter.read()
    assert snapshot.verdicts is not None
    listed = {each.job.claim.job_id: each for each in (*snapshot.verdicts.stuck, *snapshot.verdicts.suspected)}

    assert len({each.verdict.reason for each in listed.values()}) > 2
    for job in jobs:
        facts = replace(facts_of(installed_url, job), now=snapshot.now or 0.0)  # the same moment
        life = compose_life(facts, snapshot, POLICY)
        assert life.verdict is not None
        if job in listed:
            same = listed[job].verdict
            assert (life.verdict.reason, life.verdict.limit, life.verdict.tier) == (same.reason, same.limit, same.tier)
            assert (life.forecast is not None) == same.reason.is_stuck
        else:
            assert life.verdict.reason in {Reason.OK, Reason.UNKNOWN}, (job, life.verdict)


def test_a_healthy_job_with_the_moment_of_each_change(installed_url: str, sql: Session) -> None:
    """The page's answer to "what happens next, and when": by limits, from the last heartbeat, report and claim."""
    sql.execute(OPEN)
    job = add_job(sql, ago=100)
    add_beat(sql, job, add_process(sql, 1, GO, 5))
    sql.execute(PROGRESS, {"job": job, "ago": 10})
    facts = facts_of(installed_url, job)
    assert facts.beats
    facts = replace(facts, now=facts.beats[0].beat.beat_at + 5)  # however busy the machine is
    with reader(installed_url, replace(SETTINGS, policy=POLICY)) as exporter:
        life = compose_life(facts, exporter.read(), POLICY)
    began = {" ".join(event.text.split()[:2]): event.at for event in life.events}

    assert document(life)["verdict"] == "ok"
    assert [(change.verdict.reason.value, round(change.at, 3)) for change in life.changes] == [
        ("worker_lost", round(began["last heartbeat"] + 35, 3)),
        ("hung", round(began["last progress"] + 60, 3)),
        ("over_budget", round(began["attempt 1"] + 3000, 3)),
    ]


def test_each_event_is_on_the_line(installed_url: str, sql: Session) -> None:
    """In the order of time, with now behind all that was."""
    job = add_job(sql, state="completed")
    add_beat(sql, job, add_process(sql, 1), outcome="completed")
    add_rescue(sql, job)
    sql.execute(LATE, {"job": job})
    events = compose_life(facts_of(installed_url, job), Snapshot(up=True, taken_at=0.0), POLICY).events

    assert {event.kind for event in events} == {
        EventKind.CLAIM, EventKind.BEAT, EventKind.RESCUE, EventKind.LATE_RESULT, EventKind.END, EventKind.NOW,
    }  # fmt: skip
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert events[-1].kind is EventKind.NOW


def test_the_newest_checkpoint_and_the_note_are_read(installed_url: str, sql: Session) -> None:
    """The newest by generation, whatever the clocks are; its value is nowhere."""
    job = add_job(sql)
    add_beat(sql, job, add_process(sql, 1))
    sql.execute("UPDATE riverkeeper.heartbeat SET note = 'page 3'")
    sql.execute(CHECKPOINTS, {"job": job})
    facts = facts_of(installed_url, job)

    assert facts.checkpoint is not None
    assert (facts.checkpoint.attempt, facts.checkpoint.bytes, facts.checkpoint.resumes) == (2, 10, 1)
    assert [claim.saved_by for claim in facts.resumed] == [1]
    assert facts.running is not None
    assert facts.running.beat is not None
    assert (facts.running.beat.note, facts.unreadable) == ("page 3", ())
    assert "secret" not in repr(facts)


CHECKPOINTS = """INSERT INTO riverkeeper.checkpoint
    (job_id, attempted_at, generation, attempt, resumes, resumed_at, value, saved_at, number) VALUES
    (%(job)s, now(), 1, 1, 1, now(), '"old secret"', now(), 1),
    (%(job)s, now() - interval '1 hour', 2, 2, 1, DEFAULT, '"secret 2"', now() - interval '1 minute', 1)"""


def test_where_a_rescued_job_hung_outlives_its_heartbeats(installed_url: str, sql: Session) -> None:
    """The heartbeats of a rescued claim are swept after ten minutes; its stack stays with the audit, and is shown."""
    job = add_job(sql, state="completed")
    sql.execute(HUNG, {"job": job})
    life = compose_life(facts_of(installed_url, job), Snapshot(up=True, taken_at=0.0), POLICY)
    shown = document(life)

    assert life.facts.beats == ()
    assert newest_stack(life).where == "main.charge billing.go:88"
    assert [stack["where"] for stack in shown["stacks"]] == ["main.charge billing.go:88"]  # type: ignore[attr-defined]
    assert shown["rescues"][0]["stack"]["where"] == "main.charge billing.go:88"  # type: ignore[index]


HUNG = """WITH rescue AS (
    INSERT INTO riverkeeper.rescue (dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action,
        evidence, woken_by, keeper)
    SELECT false, id, attempted_at - interval '1 hour', 1, queue, kind, 1, 'standard', 'hung', 'stop', '{}',
        'supervisor', gen_random_uuid()
    FROM river_job WHERE id = %(job)s RETURNING job_id, attempted_at
) INSERT INTO riverkeeper.stack SELECT job_id, attempted_at, now(), E'main.charge\tbilling.go:88' FROM rescue"""


def test_a_reader_sees_all_but_the_notes(installed_url: str, sql: Session) -> None:
    """And the page names them: a reader may not take them for absent."""
    job = add_job(sql)
    add_beat(sql, job, add_process(sql, 1))
    add_rescue(sql, job)
    sql.execute(CHECKPOINTS, {"job": job})
    grant(installed_url)
    sql.execute("DROP ROLE IF EXISTS some_job_reader")
    sql.execute("CREATE ROLE some_job_reader LOGIN IN ROLE riverkeeper_reader")
    facts = facts_of(installed_url.replace("postgres@", "some_job_reader@"), job)

    assert facts.unreadable == ("notes of progress",)
    assert (len(facts.beats or ()), len(facts.rescues or ()), facts.checkpoint is not None) == (1, 1, True)
