"""Mutations of checkpoints: their statements, and the Python client."""

from __future__ import annotations

from mutations.mutation import Mutation

POINTS = "heartbeat/test_checkpoints.py"

MUTATIONS = (
    Mutation(
        "a checkpoint that waited for a rescue is saved under the lost claim",
        "    WHERE g.runs AND h.lost_at IS NULL\n    ORDER BY g.job_id, g.attempted_at\n    FOR NO KEY UPDATE OF h\n",
        "    WHERE g.runs AND h.lost_at IS NULL\n    ORDER BY g.job_id, g.attempted_at\n",
        (f"{POINTS}::test_a_rescue_that_is_open_decides_before_the_checkpoint",),
        errors=("Failed",),
    ),
    Mutation(
        "a lost claim saves a checkpoint",
        "    WHERE g.runs AND h.lost_at IS NULL\n    ORDER BY g.job_id, g.attempted_at\n    FOR NO KEY",
        "    WHERE g.runs\n    ORDER BY g.job_id, g.attempted_at\n    FOR NO KEY",
        (
            f"{POINTS}::test_only_a_claim_that_is_held_saves",
            f"{POINTS}::test_a_rescue_that_is_open_decides_before_the_checkpoint",
        ),
    ),
    Mutation(
        "a checkpoint that is late replaces the one of a committed transaction",
        " AND c.number < h.number AND c.value <> h.val",
        " AND c.value <> h.val",
        (f"{POINTS}::test_an_older_value_never_replaces_a_newer_one",),
    ),
    Mutation(
        "an unchanged checkpoint is written again",
        " AND c.number < h.number AND c.value <> h.val",
        " AND c.number < h.number",
        (f"{POINTS}::test_the_same_value_is_not_written_again",),
    ),
    Mutation(
        "the clock of a worker decides which checkpoint is the newest",
        "    ORDER BY c.generation DESC, c.attempted_at DESC\n",
        "    ORDER BY c.attempted_at DESC\n",
        (f"{POINTS}::test_the_newest_claim_counts_whatever_the_clocks_say",),
    ),
    Mutation(
        "a claim that asks again resumes once more",
        "      AND c.resumed_at <> n.claimed_at\n",
        "",
        (f"{POINTS}::test_a_claim_that_resumes_is_counted_once",),
    ),
    Mutation(
        "a value that was saved before an unanswered one is taken for saved",
        '        """Before it is sent: its answer may get lost although the value is saved."""\n'
        "        with self._lock:\n            self._saved = None\n",
        '        """Before it is sent: its answer may get lost although the value is saved."""\n',
        (f"{POINTS}::test_an_unsent_checkpoint_is_pending_until_it_is_saved",),
    ),
    Mutation(
        "an answer that is older than a transaction hides the next checkpoint",
        "            if number > self._in_transaction:\n                self._saved = text\n",
        "            self._saved = text\n",
        (f"{POINTS}::test_an_answer_that_is_older_than_a_transaction_saves_nothing",),
    ),
    Mutation(
        "an error of the database is taken for `nothing found`, and a job begins anew",
        "if error.kind is not ErrorKind.MISSING or error.sqlstate not in {None, *SCHEMA_IS_GONE}:",
        "if error.kind is not ErrorKind.MISSING:",
        (f"{POINTS}::test_a_right_that_is_missing_is_no_answer",),
        errors=("Failed",),
    ),
)
