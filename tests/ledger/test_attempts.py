"""Failed and rescued attempts: each counts once, as it ends, whatever is read when. Without a database."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.ledger.attempts import (
    AttemptReading,
    AttemptRow,
    CountedJob,
    count_attempts,
    keep_seconds,
    live_bounds,
    next_since,
)
from riverkeeper.ledger.schedule import ReadProgress
from riverkeeper.river.failures import Failure

NOW = 1_790_000_000.0
RIVER, OURS = "Stuck job rescued by JobRescuer", "Stuck job rescued by Riverkeeper: worker_lost"
many = settings(max_examples=2000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 60, deadline=None)


def entry(attempt: int | None, text: str = "boom", at: float | None = NOW) -> Failure:
    return Failure(attempt, at, text)


def job(state: str, attempt: int, *failures: Failure, rescues: int = 0, **more: object) -> AttemptRow:
    row = AttemptRow(1, "q", "k", state, attempt, 25, rescues, False, len(failures), failures)
    return replace(row, **more)  # type: ignore[arg-type]


def counted(
    row: AttemptRow, before: CountedJob | None = None, *, since: float = NOW - 100
) -> dict[tuple[str, str], int]:
    known = {1: before} if before else {}
    changes = count_attempts(AttemptReading((row,), since), known, since, NOW)
    return {(series.measure, str(series.label)): tally.jobs for series, tally in changes.risen.items()}


def test_a_failed_attempt_counts_while_its_job_waits() -> None:
    """It does not wait for the end of the job."""
    assert counted(job("retryable", 1, entry(1))) == {("attempt", "failed"): 1}
    assert counted(job("available", 2, entry(1), entry(2))) == {("attempt", "failed"): 2}
    assert counted(job("running", 3, entry(1), entry(2))) == {("attempt", "failed"): 2}


def test_what_is_counted_does_not_count_again() -> None:
    """Also when the job runs again, completes, or is retried by an operator."""
    before = CountedJob(2, 0, NOW)
    failures = entry(1), entry(2)
    for row in (job("retryable", 2, *failures), job("running", 3, *failures), job("completed", 3, *failures)):
        assert counted(row, before) == {}
    assert counted(job("discarded", 3, *failures, entry(3)), before) == {("attempt", "failed"): 1}


def test_the_entries_tell_failures_from_other_attempts() -> None:
    """A snooze, a completed attempt and a soft stop use up numbers, and leave no entry."""
    assert counted(job("available", 3, entry(2))) == {("attempt", "failed"): 1}
    assert counted(job("available", 1)) == {}


def test_an_attempt_with_two_entries_counts_once() -> None:
    """The worker reported its failure after its rescue, into the row of the next attempt."""
    found = counted(job("retryable", 1, entry(1, RIVER), entry(1, "late"), rescues=1))
    assert sum(count for (measure, _), count in found.items() if measure == "attempt") == 1


def test_an_attempt_that_was_cancelled_did_not_fail() -> None:
    """River appends an entry for it all the same."""
    assert counted(job("cancelled", 2, entry(1), entry(2, "JobCancelError: no"))) == {("attempt", "failed"): 1}


def test_where_nothing_is_stored_only_entries_since_then_are_new() -> None:
    """What was counted before is deleted. An entry without a time may be such a one."""
    old = entry(1, at=NOW - 1000)
    assert counted(job("retryable", 2, old, entry(2))) == {("attempt", "failed"): 1}
    assert counted(job("retryable", 2, old, entry(2, at=None))) == {}
    assert counted(job("retryable", 2, old, entry(2, at=None)), CountedJob(1, 0, NOW)) == {("attempt", "failed"): 1}


def test_rivers_rescues_are_counted_by_their_outcome() -> None:
    """Retried, discarded at the last attempt, cancelled on request."""
    rescued = {"rescues": 1}
    cases: Mapping[str, AttemptRow] = {
        "retried": job("retryable", 1, entry(1, RIVER), **rescued),
        "discarded": job("discarded", 25, entry(25, RIVER), **rescued),
        "cancelled": job("cancelled", 1, entry(1, RIVER), **rescued),
        "unknown_kind": job("discarded", 1, entry(1, RIVER), **rescued),
    }
    for outcome, row in cases.items():
        assert counted(row) == {("attempt", "rescued"): 1, ("rescued", outcome): 1}


def test_a_rescue_whose_job_went_on_was_a_retry() -> None:
    """A later attempt failed for good, or the scheduler discarded the job for another one with its key."""
    both = job("discarded", 2, entry(1, RIVER), entry(2), rescues=1)
    assert counted(both) == {("attempt", "failed"): 1, ("attempt", "rescued"): 1, ("rescued", "retried"): 1}
    clash = job("discarded", 1, entry(1, RIVER), rescues=1, conflict=True)
    assert counted(clash) == {("attempt", "rescued"): 1, ("rescued", "retried"): 1}


def test_our_own_rescues_are_not_rivers() -> None:
    """Both raise river:rescue_count; ours has its own text in the same write."""
    assert counted(job("retryable", 1, entry(1, OURS), rescues=1)) == {("attempt", "rescued"): 1}
    mixed = job("available", 2, entry(1, RIVER), entry(2, OURS), rescues=2)
    assert counted(mixed) == {("attempt", "rescued"): 2, ("rescued", "retried"): 1}


def test_rivers_rescues_are_counted_whatever_their_text() -> None:
    """The count in the metadata is the evidence; another runtime writes other words."""
    row = job("discarded", 1, entry(1, "job was stuck"), rescues=1)
    assert counted(row) == {("attempt", "rescued"): 1, ("rescued", "unknown_kind"): 1}


def test_a_count_that_nobody_can_have_rescued_is_not_believed() -> None:
    """Users write metadata: each rescue has an entry."""
    assert counted(job("retryable", 1, entry(1), rescues=99_999)) == {
        ("attempt", "rescued"): 1,
        ("rescued", "retried"): 1,
    }
    assert counted(job("completed", 1, rescues=7)) == {}


def test_old_rescues_of_a_job_that_is_not_stored_are_not_new() -> None:
    """Its count before is not known."""
    row = job("retryable", 2, entry(1, RIVER, at=NOW - 9000), entry(2), rescues=1)
    assert counted(row) == {("attempt", "failed"): 1}


def test_a_job_that_is_listed_twice_counts_once() -> None:
    """It was live and finished in one statement's view: it cannot be, and would do no harm."""
    row = job("retryable", 1, entry(1))
    changes = count_attempts(AttemptReading((row, row), 0.0), {}, 0.0, NOW)
    assert [tally.jobs for tally in changes.risen.values()] == [1]


def test_a_backlog_of_finished_jobs_stays_new_until_it_is_read() -> None:
    """After an outage of hours the slots are read in several steps."""
    progress = ReadProgress(NOW, 0, NOW, (int(NOW - 9000) // 10,) * 4, 0)
    assert next_since(0.0, progress, NOW, 600.0) <= NOW - 9000 - keep_seconds(600.0) + 10
    assert next_since(NOW - 5, progress, NOW, 600.0) == NOW - 5, "it never goes back"


def test_the_rows_of_one_step_are_bounded() -> None:
    """A state's budget is divided among its queues, and each gets some."""
    assert live_bounds(["retryable", "available", "available"]) == [10_000, 1_500, 1_500]
    assert set(live_bounds(["available"] * 5_000)) == {10}


@dataclass
class Life:
    """One job as River writes it, and what truly happened to it."""

    random: Random
    state: str = "available"
    attempt: int = 0
    rescues: int = 0
    entries: list[Failure] = field(default_factory=list)
    truth: Counter[str] = field(default_factory=Counter)

    def go_on(self, now: float) -> None:
        """The next thing that happens to the job."""
        if self.state == "running":
            getattr(self, self.random.choice(("fail", "fail", "rescue", "rescue_ours", "snooze", "complete")))(now)
        elif self.state in {"completed", "discarded"}:
            self.state = "available"  # an operator retries it
        else:
            self.state, self.attempt = "running", self.attempt + 1

    def fail(self, now: float, text: str = "boom", outcome: str = "failed") -> None:
        self.entries.append(entry(self.attempt, text, now))
        self.state = self.random.choice(("retryable", "available", "discarded"))
        self.truth[outcome] += 1

    def rescue(self, now: float) -> None:
        self.rescues += 1
        self.truth["by river"] += 1
        self.fail(now, RIVER, "rescued")

    def rescue_ours(self, now: float) -> None:
        self.rescues += 1
        self.fail(now, OURS, "rescued")

    def snooze(self, _: float) -> None:
        self.state, self.attempt = "scheduled", self.attempt - 1

    def complete(self, _: float) -> None:
        self.state = "completed"

    def row(self) -> AttemptRow:
        return job(self.state, self.attempt, *self.entries, rescues=self.rescues)


@many
@given(st.integers(0, 2**32), st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_whatever_is_read_when_each_attempt_counts_once(seed: int, gaps: list[int]) -> None:
    """A reading after every few events, and what is stored is deleted whenever it may be."""
    life, known, now, since = Life(Random(seed)), dict[int, CountedJob](), NOW, NOW
    counts: Counter[str] = Counter()
    for gap in gaps:
        for _ in range(gap):
            now += 1
            life.go_on(now)
        row = life.row()
        changes = count_attempts(AttemptReading((row,), since), known, since, now)
        for series, tally in changes.risen.items():
            counts["by river" if series.measure == "rescued" else series.label] += tally.jobs
        known |= changes.jobs
        if life.random.random() < 0.3:  # as after a long quiet time: all that was counted is forgotten
            now += 1
            since, known = now, {}

    ended = row.ended
    waiting = [failure for failure in life.entries if (failure.attempt or 0) > ended]
    assert waiting == []
    assert counts == +life.truth
