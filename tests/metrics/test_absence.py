"""What is absent when, what is 0, and what is folded: a number that is not known is never made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fixtures.offenders import for_each
from fixtures.sample import DOWN, FULL, IDLE, NOW, PAIR, RUNNING
from riverkeeper.ledger.names import MAX_QUEUES, OTHER, Names
from riverkeeper.ledger.totals import WorkTotals
from riverkeeper.metrics.cardinality import fold_pairs
from riverkeeper.metrics.catalogue import OF_SNAPSHOT
from riverkeeper.metrics.family import Bucketed, Family, Value
from riverkeeper.river.facts import Ages, LiveKind, Queue
from riverkeeper.river.layout import FINAL_STATES, LIVE_STATES
from riverkeeper.scrape.scrape import Snapshot

FAMILIES = {family.name: family for family in OF_SNAPSHOT}
OF_FINISHED = {
    "river_job_run_duration_seconds", "river_jobs_finished_total",
    "river_job_attempts_ended_total", "river_jobs_rescued_total", "river_job_resumed_total",
    "river_job_lost_work_seconds_total", "river_job_lost_work_attempts_total",
    "river_job_wait_duration_seconds", "river_job_last_finished_timestamp_seconds", "riverkeeper_ledger_durable",
    "riverkeeper_ledger_late_rows_total",
}  # fmt: skip
OF_PARTITIONS = {
    "river_jobs_estimated", "river_jobs_ready", "river_job_oldest_ready_timestamp_seconds", "river_jobs_overdue",
}  # fmt: skip
OF_RUNNING = {
    "river_job_running_age_seconds", "river_job_heartbeat_age_seconds", "river_job_oldest_running_timestamp_seconds",
    "river_job_oldest_heartbeat_timestamp_seconds", "river_job_oldest_progress_timestamp_seconds", "river_jobs_beating",
    "river_jobs_unknown", "river_jobs_cancel_pending", "river_rescuer_poison_jobs", "river_queue_busy_clients",
}  # fmt: skip
OF_BOTH = {"river_jobs_failing", "river_jobs_last_attempt"}


def samples(name: str, snapshot: Snapshot) -> dict[tuple[str, ...], Value]:
    """Labels -> value of a family."""
    return dict(FAMILIES[name].samples(snapshot))


def present(snapshot: Snapshot) -> set[str]:
    """Families that have a sample on the page."""
    return {name for name in FAMILIES if samples(name, fold_pairs(snapshot))}


def test_a_database_that_is_down_has_no_numbers() -> None:
    """Only that it is down, and by which replica."""
    assert present(DOWN) == {"river_up", "riverkeeper_build_info"}
    assert samples("river_up", DOWN) == {(): 0.0}


@pytest.mark.parametrize(
    ("part", "absent"),
    [
        ("finished", OF_FINISHED),
        ("partitions", OF_PARTITIONS),
        ("running", OF_RUNNING | OF_BOTH),
        ("waiting_kinds", OF_BOTH),
        ("beating_clients", {"river_beating_clients"}),
        (
            "queues",
            {
                "river_queue_paused",
                "river_queue_updated_timestamp_seconds",
                "riverkeeper_queue_refresh_limit_seconds",
            },
        ),
        ("slots", {"river_slots"}),
        ("leader", {"river_leader_elected_timestamp_seconds", "river_leader_expires_timestamp_seconds"}),
        ("oldest_finalized", {"river_oldest_finalized_timestamp_seconds"}),
        ("migrations", {"river_migration_version"}),
        (
            "tables",
            {"river_table_bytes", "river_table_dead_rows", "river_table_live_rows", "river_table_inserted_rows_total"},
        ),
        ("target", {"riverkeeper_target_info"}),
        ("folded_pairs", {"riverkeeper_folded_pairs"}),
        ("finished_at", {"riverkeeper_ledger_timestamp_seconds"}),
        ("clock_skew", {"riverkeeper_clock_skew_seconds"}),
    ],
)
def test_what_could_not_be_read_is_absent(part: str, absent: set[str]) -> None:
    """Exactly its own families: never 0, never the last value; all others stay."""
    without = replace(FULL, **{part: None})  # type: ignore[arg-type]

    assert present(FULL) - present(without) == absent


def test_jobs_lose_only_the_states_that_could_not_be_read() -> None:
    """river_jobs comes of two questions: one that fails takes its own states with it."""
    without_running = {state for _, state in samples("river_jobs", replace(FULL, running=None))}
    without_waiting = {state for _, state in samples("river_jobs", replace(FULL, partitions=None))}

    assert without_running == {*LIVE_STATES} - {"running"}
    assert without_waiting == {"running"}


def test_what_an_idle_queue_does_not_have_is_absent() -> None:
    """A kind that is known and has nothing: every family has zeros, or its help names when it is absent."""
    silent = {name for name in present(FULL) - present(IDLE) if "Absent" not in FAMILIES[name].help}

    assert silent == set()


def test_an_idle_queue_has_its_zeros() -> None:
    """Counts of what is known are 0, so that a rise from nothing is a rise."""
    assert samples("river_jobs", IDLE) == {("default", state): 0.0 for state in LIVE_STATES}
    assert samples("river_jobs_by_kind", IDLE) == {(*PAIR, state): 0.0 for state in LIVE_STATES}
    assert samples("river_jobs_ready", IDLE) == {("default", priority): 0.0 for priority in "1234"}
    assert samples("river_jobs_overdue", IDLE) == {("default", state): 0.0 for state in ("retryable", "scheduled")}
    assert samples("river_jobs_finished_total", IDLE) == {(*PAIR, outcome): 0.0 for outcome in FINAL_STATES}
    assert samples("river_queue_busy_clients", IDLE) == {("default",): 0.0}
    for name in ("failing", "last_attempt", "beating", "unknown", "cancel_pending"):
        assert samples(f"river_jobs_{name}", IDLE) == {PAIR: 0.0}, name
    (ages,) = samples("river_job_running_age_seconds", IDLE).values()
    assert isinstance(ages, Bucketed)
    assert (sum(ages.counts), ages.sum) == (0, 0.0)
    assert not samples("river_job_heartbeat_age_seconds", IDLE)


def test_an_old_name_has_no_zeros() -> None:
    """A kind not seen for an hour is not on the page as a row of zeros for ever."""
    later = replace(IDLE, now=NOW + 3601, names=Names({"default": NOW}, {PAIR: NOW}))

    assert not samples("river_jobs", later)
    assert not samples("river_jobs_by_kind", later)
    assert samples("river_jobs_finished_total", later)


def test_kinds_of_a_queue_too_long_to_read_are_absent() -> None:
    """Half a count would look like a count: the state goes, the other states and queues stay."""
    kinds = (
        LiveKind("available", "default", "email", 1000, 0, 0, None, complete=False),
        LiveKind("available", "bulk", "email", 3, 0, 0, None, complete=True),
    )
    names = Names({"default": NOW, "bulk": NOW}, {PAIR: NOW, ("bulk", "email"): NOW})
    shown = samples("river_jobs_by_kind", replace(FULL, waiting_kinds=kinds, names=names))

    assert ("default", "email", "available") not in shown
    assert shown["default", "email", "retryable"] == 0.0
    assert shown["bulk", "email", "available"] == 3.0


def test_ages_of_folded_queues_are_added_bucket_by_bucket() -> None:
    """Queues beyond the limit share a histogram: counts and sums of all of them."""
    age = RUNNING.ages["default"]
    running = replace(RUNNING, ages={"default": age, "a": age, "b": Ages(age.counts, 1.0)})
    shown = samples("river_job_running_age_seconds", replace(FULL, running=running))
    folded = shown[(OTHER,)]

    assert isinstance(folded, Bucketed)
    assert folded.counts == tuple(2 * count for count in age.counts)
    assert folded.sum == age.seconds + 1.0
    assert shown["default",] == Bucketed(age.counts, age.seconds)


def test_river_queue_rows_beyond_the_limit_fold() -> None:
    """Rows without jobs take the names that are left, the rest is one: paused if any is, refreshed when the last."""
    queues = tuple(Queue(f"q{n:03}", paused=n == 250, updated_at=NOW - n) for n in range(300))
    snapshot = replace(FULL, queues=queues)
    paused = samples("river_queue_paused", snapshot)
    updated = samples("river_queue_updated_timestamp_seconds", snapshot)

    assert len(paused) == len(updated) == MAX_QUEUES  # with `default`, which has jobs and a name but no row
    assert paused[(OTHER,)] == 1.0
    assert updated[(OTHER,)] == NOW - (MAX_QUEUES - 1)


@for_each("family", OF_SNAPSHOT, lambda family: family.name)
def test_no_more_series_than_documented(family: Family[Any]) -> None:
    """docs/metrics.md has how many series a family has at most for each queue or pair; here each has one."""
    shown = dict(family.samples(FULL))

    assert len(shown) <= family.times
    assert all(len(labels) == len(family.labels) for labels in shown)


def test_lost_work_of_a_kind_that_never_beat_is_unknown() -> None:
    """No series, because a 0 would say that it lost nothing; while it beats in the table, a 0 that can rise."""
    assert FULL.finished is not None
    assert FULL.running is not None
    pair = replace(FULL.finished.pairs[0], work=WorkTotals(resumed=0, measured=0, lost_seconds=0.0))
    finished = replace(FULL, finished=replace(FULL.finished, pairs=(pair,)))
    for beating, undeclared, expected in ((0, 0, {}), (1, 1, {}), (2, 1, {PAIR: 0.0})):
        pairs = tuple(replace(each, beating=beating, undeclared=undeclared) for each in FULL.running.pairs)
        snapshot = replace(finished, running=replace(FULL.running, pairs=pairs))

        assert samples("river_job_lost_work_seconds_total", snapshot) == expected
        assert samples("river_job_lost_work_attempts_total", snapshot) == expected
        assert samples("river_job_resumed_total", snapshot) == {PAIR: 0.0}
