"""Mutations of the counts of failed and rescued attempts: each counts once, as what it was."""

from __future__ import annotations

from mutations.mutation import Mutation

PURE, TABLE = "ledger/test_attempts.py", "ledger/test_attempts_on_river.py"

MUTATIONS = (
    Mutation(
        "an attempt that was counted counts again with every step",
        "and counted < failure.attempt <= row.ended",
        "and 0 < failure.attempt <= row.ended",
        (f"{PURE}::test_what_is_counted_does_not_count_again",),
    ),
    Mutation(
        "what was counted and deleted counts again when its job goes on",
        "and (before is not None or (failure.at is not None and failure.at >= since))",
        "and (before is not None or failure.at is not None)",
        (f"{PURE}::test_where_nothing_is_stored_only_entries_since_then_are_new",),
    ),
    Mutation(
        "a replica that froze between reading and commit counts what another one has counted and deleted",
        "since = max(reading.attempts.since, newest or 0.0)",
        "since = reading.attempts.since",
        (f"{TABLE}::test_a_reading_from_before_the_rows_were_deleted_counts_nothing_again",),
    ),
    Mutation(
        "an attempt that runs for long is forgotten, and its failure never counts",
        "known.seen_at < %(refresh)s::double precision",
        "false",
        (f"{TABLE}::test_an_attempt_that_runs_for_days_counts_when_it_fails",),
    ),
    Mutation(
        "after an outage finished jobs that are read late have entries that are too old to be new",
        "read_to = min(now, progress.read_to[0] * SLOT_SECONDS)",
        "read_to = now",
        (f"{PURE}::test_a_backlog_of_finished_jobs_stays_new_until_it_is_read",),
    ),
    Mutation(
        "our own rescues count as River's",
        "found = row.rescues - before.rescues - own",
        "found = row.rescues - before.rescues",
        (f"{TABLE}::test_every_attempt_counts_once",),
    ),
    Mutation(
        "a job that lost its unique key after a rescue counts as one of an unknown kind",
        "if last is None or row.conflict or not",
        "if last is None or not",
        (f"{PURE}::test_a_rescue_whose_job_went_on_was_a_retry",),
    ),
)
