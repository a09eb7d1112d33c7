"""Mutations of the counts of failed and rescued attempts: each counts once, as what it was."""

from __future__ import annotations

from mutations.mutation import Mutation

PURE, TABLE = "ledger/test_attempts.py", "ledger/test_attempts_on_river.py"
WORK = "ledger/test_lost_work.py"
MEASURED = f"{WORK}::test_lost_work_goes_from_the_last_checkpoint_to_the_last_sign_of_life"

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
    Mutation(
        "an attempt that nobody saw beat counts as one that lost nothing",
        "[lost[row.job_id, number] for number in new if number != cancelled and (row.job_id, number) in lost]",
        "[lost.get((row.job_id, number), 0) for number in new if number != cancelled]",
        (MEASURED,),
    ),
    Mutation(
        "the work of a cancelled attempt counts as lost by a failure",
        "for number in new if number != cancelled and (row.job_id, number) in lost]",
        "for number in new if (row.job_id, number) in lost]",
        (MEASURED,),
    ),
    Mutation(
        "the clock of a worker dates the beginning of lost work",
        "CASE WHEN w.client_id !~ %(own_clock_ids)s THEN h.attempted_at ELSE h.first_beat_at END)",
        "h.attempted_at)",
        (MEASURED,),
    ),
    Mutation(
        "an attempt that follows a snooze, and never beat, gets the lost work of the one before",
        "  AND coalesce(h.outcome, '') NOT IN ('completed', 'snoozed', 'cancelled')\n",
        "",
        (MEASURED,),
    ),
    Mutation(
        "an attempt that resumed counts again with every step",
        "SET resumes_counted = c.resumes_counted + u.resumed",
        "SET resumes_counted = c.resumes_counted",
        (f"{WORK}::test_what_did_not_commit_is_counted_by_the_next_step",),
    ),
    Mutation(
        "what resumed before the ledger began is a jump of the counter",
        "NO_RESUMES if reading.baseline_to else resumes,",
        "resumes,",
        (f"{WORK}::test_what_resumed_before_the_first_step_is_known_not_counted",),
    ),
    Mutation(
        "a rescue gets the checkpoint that a later attempt saved",
        "r.resumed IS NULL AND u.saved_at <= r.at",
        "r.resumed IS NULL",
        (f"{WORK}::test_a_checkpoint_that_was_saved_after_the_rescue_was_not_rescued",),
    ),
    Mutation(
        "a checkpoint is swept before it is counted that an attempt resumed from it",
        "      AND (k.resumes = k.resumes_counted OR k.resumed_at < now() - interval '1 hour')\n",
        "",
        ("schema/test_sweep.py::test_a_checkpoint_waits_until_it_is_counted_that_an_attempt_resumed_from_it",),
    ),
    Mutation(
        "a kind that never beat is shown as one that lost no work",
        "if pair.work and (pair.work.measured or (pair.queue, pair.kind) in beating):",
        "if pair.work:",
        ("metrics/test_absence.py::test_lost_work_of_a_kind_that_never_beat_is_unknown",),
    ),
    Mutation(
        "the audit gives a checkpoint of an earlier attempt as one of the rescued attempt",
        "if saved.attempt != self.attempt or beat_at is None:",
        "if beat_at is None:",
        ("rescue/audit/test_history.py::test_the_audit_has_how_far_the_work_was_and_where_it_went_on",),
    ),
    Mutation(
        "a lock on the audit holds up the counts of finished jobs",
        "            if error.kind is not ErrorKind.LOCKED:\n                raise\n            return NO_RESUMES",
        "            raise",
        (f"{WORK}::test_a_table_that_is_locked_does_not_hold_up_the_ledger",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "a step of the ledger fails while a rescue is followed up",
        "    FOR NO KEY UPDATE OF r SKIP LOCKED\n",
        "    FOR NO KEY UPDATE OF r\n",
        (f"{WORK}::test_a_row_of_the_audit_that_is_locked_holds_up_nothing",),
    ),
    Mutation(
        "a resume is counted while its rescue cannot be written, and the audit never gets it",
        "    WHERE n.id IS NULL OR n.id IN (SELECT h.id FROM held AS h)\n",
        "",
        (f"{WORK}::test_a_row_of_the_audit_that_is_locked_holds_up_nothing",),
    ),
)
