"""Mutations of late results: the triggers, what they record, and who reckons with them."""

from __future__ import annotations

from mutations.mutation import Mutation

FENCE, SESSIONS, ERRORS = "schema/test_fence.py", "schema/test_fence_sessions.py", "schema/test_fence_errors.py"
INSTALL, NOTICED, TOLD = (
    "schema/test_fence_install.py",
    "doctor/test_fence.py",
    "schema/test_fence_reported.py",
)
CREATE, MIGRATION = "schema/sql/create_fence.sql", "schema/migrations/005_fence.sql"

MUTATIONS = (
    Mutation(
        "a late result is written into the next attempt",
        "    RETURN NULL;\nEND\n",
        "    RETURN new;\nEND\n",
        (f"{FENCE}::test_a_late_result_never_reaches_the_next_attempt",),
    ),
    Mutation(
        "a job that completed itself has its second result taken for a late one",
        "AND old.state IN ('running', 'completed')",
        "AND old.state IN ('running')",
        (f"{FENCE}::test_a_job_that_completed_itself_is_no_late_result",),
    ),
    Mutation(
        "a token for a row without a claim fits it",
        ") IS NOT TRUE",
        ") IS FALSE",
        (f"{FENCE}::test_a_token_for_a_row_without_a_claim_is_late",),
    ),
    Mutation(
        "an update is judged by a token that somebody left in the row",
        "AND (old.metadata -> 'riverkeeper:claim') IS DISTINCT FROM (new.metadata -> 'riverkeeper:claim')",
        "",
        (f"{FENCE}::test_a_token_in_the_row_from_before_the_fence_judges_nobody",),
    ),
    Mutation(
        "a token that was taken back drops a result in time",
        "WHEN (new.metadata ->> 'riverkeeper:claim') IS NOT NULL THEN",
        "WHEN (new.metadata -> 'riverkeeper:claim') IS NOT NULL THEN",
        (f"{FENCE}::test_a_token_that_was_taken_back_is_none",),
    ),
    Mutation(
        "the tokens of a batch fit none of its jobs",
        "IF jsonb_typeof(new.metadata -> 'riverkeeper:claim') = 'object' THEN",
        "IF false THEN",
        (f"{FENCE}::test_tokens_of_a_batch_are_judged_job_by_job",),
    ),
    Mutation(
        "an error of an unknown kind, which brings no token, ends the next attempt",
        "            old.state = 'running'\n            AND pg_column_size",
        "            old.state = 'pending'\n            AND pg_column_size",
        (f"{ERRORS}::test_an_error_of_an_earlier_attempt_does_not_end_the_next",),
    ),
    Mutation(
        "an error that was written manually, without an attempt, is dropped",
        "            AND jsonb_typeof(new.errors[cardinality(new.errors)] -> 'attempt') = 'number'\n",
        "",
        (f"{ERRORS}::test_every_other_error_passes",),
    ),
    Mutation(
        "a late result that cannot be recorded fails the batch it came in",
        "    EXCEPTION WHEN OTHERS THEN\n        RAISE LOG",
        "    EXCEPTION WHEN division_by_zero THEN\n        RAISE LOG",
        (f"{SESSIONS}::test_a_late_result_that_cannot_be_recorded_is_dropped",),
        ("UndefinedTable", "UndefinedColumn", "CheckViolation", "AssertionError", "Failed"),
    ),
    Mutation(
        "a worker that owns nothing cannot have its late result recorded",
        "LANGUAGE plpgsql SECURITY DEFINER SET",
        "LANGUAGE plpgsql SET",
        (f"{SESSIONS}::test_a_login_without_any_right_on_the_records_has_its_late_result_recorded",),
    ),
    Mutation(
        "a disabled trigger passes for a fence",
        "        ELSE 'disabled'\n",
        "        ELSE 'in_force'\n",
        (f"{NOTICED}::test_a_fence_that_is_not_in_force_is_noticed",),
    ),
    Mutation(
        "one partition without the fence is not noticed",
        "    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = above.oid\n",
        "    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = above.oid AND false\n",
        (f"{NOTICED}::test_one_partition_without_it_is_noticed_and_repaired",),
    ),
    Mutation(
        "the fence of another keeper schema is replaced",
        "if not may or any(trigger.state == FOREIGN for trigger in fence.triggers):",
        "if not may:",
        (f"{INSTALL}::test_the_fence_of_another_keeper_schema_is_not_replaced",),
    ),
    Mutation(
        "tokens left in running rows let an old result in after the install",
        '        tx.query("schema/strip_running")\n',
        "        pass\n",
        (f"{INSTALL}::test_tokens_left_in_running_rows_go_with_the_install",),
    ),
    Mutation(
        "a plain client of Go counts as one whose River drops late results",
        "        return known.runtime is Runtime.JAVA\n",
        "        return True\n",
        (f"{TOLD}::test_a_river_that_guards_results_itself_counts_as_fenced",),
    ),
    Mutation(
        "a result that Java wrote into a rescued job is not found, and the false rescue is not counted",
        "WHEN w.attempted_at = r.attempted_at AND w.attempt = r.attempt AND w.state = 'completed' THEN 'completed'",
        "WHEN false THEN 'completed'",
        ("rescue/audit/test_follow_up.py::test_a_result_that_java_writes_into_a_rescued_job_is_found[completed]",),
    ),
    Mutation(
        "a snooze that Java wrote into a rescued job is not found",
        "WHEN w.attempted_at = r.attempted_at AND w.attempt = r.attempt - 1 THEN 'snoozed'",
        "WHEN false THEN 'snoozed'",
        ("rescue/audit/test_follow_up.py::test_a_result_that_java_writes_into_a_rescued_job_is_found[snoozed]",),
    ),
    Mutation(
        "a failure that Java wrote into a rescued job is not found",
        "            ) THEN 'failed'\n        END AS late_work\n",
        "            ) IS NULL AND false THEN 'failed'\n        END AS late_work\n",
        ("rescue/audit/test_follow_up.py::test_a_result_that_java_writes_into_a_rescued_job_is_found[failed]",),
    ),
    Mutation(
        "a result of the next attempt counts as a late one of the attempt that was rescued",
        "WHEN w.attempted_at = r.attempted_at AND w.attempt = r.attempt AND w.state = 'completed' THEN 'completed'",
        "WHEN w.state = 'completed' THEN 'completed'",
        ("rescue/audit/test_follow_up.py::test_no_result_of_java_reaches_the_next_attempt[completed]",),
    ),
    Mutation(
        "a rescue waits the shorter fence although none is in force",
        "fences=(bool(row.fenced) and",
        "fences=(True and",
        (f"{TOLD}::test_the_wait_is_by_what_is_in_force_at_the_write",),
    ),
    Mutation(
        "a dropped result is counted by every replica",
        "WHERE n.counted_at IS NULL",
        "WHERE true",
        (f"{TOLD}::test_dropped_results_are_counted_once",),
    ),
)
