"""Limits are learned from the ledger of a real database, once for each run, and come through restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.keeper_versions import install_version
from fixtures.scrape import SETTINGS, Exporter, errors, page_of, reader
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import LearnedLimits, Tier
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install
from riverkeeper.scrape.scrape import Snapshot

LEARNING = LearnedLimits(min_samples=10, floor=1.0)
SETTINGS_LEARNING = replace(SETTINGS, policy=Policy({"standard": Tier("standard")}, learned_limits=LEARNING))
DONE = """INSERT INTO river_job (kind, queue, state, attempt, attempted_at, finalized_at)
    SELECT %(kind)s, 'q' || i %% 2, 'completed', 1, now() - make_interval(secs => %(took)s), now()
    FROM generate_series(1, %(many)s) AS i"""
CUT_OFF = """INSERT INTO riverkeeper.rescue (dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier,
        reason, action, evidence, woken_by, keeper)
    SELECT %(dry_run)s, i, now(), 1, 'q', 'email', 1, 'standard', %(reason)s, %(action)s, '{}', 'supervisor',
        gen_random_uuid()
    FROM generate_series(%(first)s, %(first)s + 19) AS i"""
RUNS = """SELECT r.kind, (SELECT sum(n) FROM unnest(r.counts) AS n)::bigint AS runs
    FROM riverkeeper.run_day AS r ORDER BY r.kind"""


@pytest.fixture
def kept(installed_url: str) -> Iterator[Session]:
    """A session on a River with a keeper schema."""
    with Session(installed_url) as sql:
        yield sql


def done(sql: Session, kind: str, took: float, many: int = 10) -> None:
    sql.execute(DONE, {"kind": kind, "took": took, "many": many})


def limit(snapshot: Snapshot, kind: str = "email") -> float | None:
    assert errors(snapshot) == {}
    return page_of(snapshot).value("river_job_limit_seconds", kind=kind, tier="standard", limit="run")


def again(exporter: Exporter) -> Snapshot:
    """A step that learns anew at once, and a scrape."""
    exporter.maintenance._learn_due_at = 0.0
    return exporter.read(10)


def test_a_limit_is_learned_from_completed_runs(kept: Session, installed_url: str) -> None:
    """Quantile times factor, of all queues together, once there are enough; the same after a restart."""
    with reader(installed_url, SETTINGS_LEARNING) as exporter:
        exporter.read(10)
        done(kept, "email", 5, 9)
        done(kept, "rare", 5, 4)
        exporter.read(10)
        assert limit(again(exporter)) is None
        done(kept, "email", 5, 1)
        exporter.read(10)
        assert limit(again(exporter)) == pytest.approx(15, rel=0.1)
        assert limit(exporter.read(10), "rare") is None
    with reader(installed_url, SETTINGS_LEARNING) as another:
        assert limit(another.read(10)) == pytest.approx(15, rel=0.1)
    assert [tuple(row) for row in kept.execute(RUNS)] == [("email", 10), ("rare", 4)]


def test_what_was_there_before_is_learned_from_but_not_counted(kept: Session, installed_url: str) -> None:
    """The first read of the late window finds run times that no counter may rise by."""
    done(kept, "email", 5)
    with reader(installed_url, SETTINGS_LEARNING) as exporter:
        exporter.read(10)
        assert limit(again(exporter)) == pytest.approx(15, rel=0.1)
        assert page_of(exporter.read(10)).value(
            "river_jobs_finished_total", queue="q0", kind="email", outcome="completed"
        ) in {0, None}
    assert [row.runs for row in kept.execute(RUNS)] == [10]


def test_ended_runs_lift_the_limit(kept: Session, installed_url: str) -> None:
    """Rescues for being over budget count as longer than everything; dry runs and other reasons do not."""
    done(kept, "email", 5, 100)
    others: tuple[dict[str, object], ...] = ({"dry_run": True}, {"reason": "worker_lost"}, {"action": "stop"}, {})
    for number, row in enumerate(others):
        with reader(installed_url, SETTINGS_LEARNING) as exporter:
            exporter.read(10)
            assert limit(again(exporter)) == pytest.approx(15, rel=0.1)
        usual = {"dry_run": False, "reason": "over_budget", "action": "retry", "first": 100 * number}
        kept.execute(CUT_OFF, usual | row)

    with reader(installed_url, SETTINGS_LEARNING) as exporter:
        assert limit(again(exporter)) == LEARNING.ceiling


def test_old_days_are_forgotten(kept: Session, installed_url: str) -> None:
    """A month is kept; the window is a week."""
    kept.execute(
        "INSERT INTO riverkeeper.run_day SELECT floor(extract(epoch FROM now()) / 86400) - ago, 'email', '{0,500}'"
        " FROM unnest(ARRAY[8, 40]) AS ago"
    )
    with reader(installed_url, SETTINGS_LEARNING) as exporter:
        exporter.read(10)
        assert limit(again(exporter)) is None
    assert [row.runs for row in kept.execute(RUNS)] == [500]


def test_in_memory_it_learns_from_what_this_process_has_seen(river_url: str) -> None:
    """No keeper schema: nothing survives, but limits are there."""
    with Session(river_url) as sql, reader(river_url, SETTINGS_LEARNING) as exporter:
        exporter.read(10)
        done(sql, "email", 5)
        exporter.read(10)
        assert limit(again(exporter)) == pytest.approx(15, rel=0.1)


def test_an_older_keeper_schema_counts_on_without_learning(river_url: str) -> None:
    """The table of runs is not there yet: the ledger is durable all the same, and learns once it is."""
    install_version(river_url, 3)
    with Session(river_url) as sql:
        with reader(river_url, SETTINGS_LEARNING) as exporter:
            exporter.read(10)
            done(sql, "email", 5)
            snapshot = exporter.read(10)
            assert errors(snapshot) == {}
            assert page_of(snapshot).value("riverkeeper_ledger_durable") == 1
        install(river_url, None, None)
        with reader(river_url, SETTINGS_LEARNING) as exporter:
            exporter.read(10)
            done(sql, "email", 5)
            exporter.read(10)
            assert limit(again(exporter)) == pytest.approx(15, rel=0.1)
