"""Mutations of a rescue's locks and of its one transaction: who touches the same job or claim at the same moment."""

from __future__ import annotations

from mutations.mutation import Mutation

GUARDS, RACES = "rescue/test_guards.py", "rescue/test_races.py"
TOGETHER = "rescue/test_groups.py"
STATEMENTS = "rescue/test_statements.py"
BEAT_OR_RESCUE = f"{RACES}::test_a_beat_and_a_rescue_have_one_winner"

MUTATIONS = (
    Mutation(
        "a claim is rescued by what was found seconds ago, although it beat since",
        "verdict = judge(locked.job, request.policy, request.limits, locked.now, request.path_ok_since)",
        "verdict = item.stuck.verdict",
        (
            f"{GUARDS}::test_a_fresh_beat_since_it_was_found",
            f"{GUARDS}::test_the_locked_interval_counts_not_the_one_that_was_found",
            f"{GUARDS}::test_missed_beats_count_only_from_a_verified_path_on",
            f"{BEAT_OR_RESCUE}[beaten]",
        ),
    ),
    Mutation(
        "a claim found lost is treated by the policy for lost ones, although it hangs by now",
        " or verdict.reason is not item.stuck.verdict.reason:",
        " or not verdict.reason.is_stuck:",
        (f"{GUARDS}::test_another_reason_than_it_was_found_for",),
    ),
    Mutation(
        "a beat commits between the look at its row and the rescue's commit, and both win",
        "    FOR UPDATE OF h SKIP LOCKED\n",
        "",
        (f"{BEAT_OR_RESCUE}[beaten]",),
        beside="AS software\n",
    ),
    Mutation(
        "a rescue waits for a beat under way, while it holds others' rows",
        "FOR UPDATE OF h SKIP LOCKED",
        "FOR UPDATE OF h",
        (f"{GUARDS}::test_nobody_waits_for_a_beat_under_way".replace(GUARDS, RACES),),
        beside="AS software\n",
    ),
    Mutation(
        "a heartbeat row that a rescue deletes is made anew by the beat that waited for it",
        "UPDATE keeper.heartbeat AS h\nSET lost_at = clock_timestamp()\nFROM",
        "DELETE FROM keeper.heartbeat AS h\nUSING",
        (f"{BEAT_OR_RESCUE}[beaten]", "rescue/test_writes.py::test_a_lost_worker_s_job_is_retried"),
    ),
    Mutation(
        "a rescued claim goes on beating, because nobody marked it lost",
        "for entry in others if entry.job.has_row]",
        "for entry in others if entry.job.has_row and not entries]",
        (f"{BEAT_OR_RESCUE}[beaten]", "rescue/test_writes.py::test_a_lost_worker_s_job_is_retried"),
    ),
    Mutation(
        "a claim is marked lost a second time, at a later moment",
        " AND h.lost_at IS NULL\nRETURNING",
        "\nRETURNING",
        (f"{STATEMENTS}::test_a_mark_is_set_once",),
    ),
    Mutation(
        "a job's row changes between the lock and the write, for nobody locked it",
        "    FOR NO KEY UPDATE OF j SKIP LOCKED\n",
        "",
        (f"{RACES}::test_a_cancel_request_is_seen_or_stays_on_the_row",),
    ),
    Mutation(
        "a rescue waits for a worker's own open transaction",
        "FOR NO KEY UPDATE OF j SKIP LOCKED",
        "FOR NO KEY UPDATE OF j",
        (f"{RACES}::test_a_job_that_somebody_has_locked_is_left_to_them[FOR UPDATE]",),
    ),
    Mutation(
        "a user's open insert with a foreign key hides the job from the rescuer",
        "FOR NO KEY UPDATE OF j SKIP LOCKED",
        "FOR UPDATE OF j SKIP LOCKED",
        (f"{RACES}::test_a_users_foreign_key_does_not_hide_the_job",),
    ),
    Mutation(
        "a job is locked that runs under another claim than the one that was judged",
        "\n      AND j.attempt = c.attempt\n      AND j.attempted_at = c.attempted_at\n",
        "\n",
        (f"{STATEMENTS}::test_a_job_is_locked_under_its_claim_alone",),
        beside="FOR NO KEY UPDATE OF j SKIP LOCKED",
    ),
    Mutation(
        "a dry run that locks no job records what it would do with the job's next claim",
        "\n      AND j.attempt = c.attempt\n      AND j.attempted_at = c.attempted_at\n",
        "\n",
        ("rescue/test_earlier_attempts.py::test_a_claim_that_is_over_is_gone[dry run without a lock]",),
        beside="AS retryable_keeps_key",
    ),
    Mutation(
        "a job is written that runs under another claim than the one that was judged",
        "\n  AND j.attempt = w.attempt\n  AND j.attempted_at = w.attempted_at\n",
        "\n",
        (f"{STATEMENTS}::test_a_job_is_written_under_its_claim_alone",),
    ),
    Mutation(
        "a job is written that does not run any more",
        "  AND (j.state = 'running') IS TRUE\n",
        "",
        (f"{STATEMENTS}::test_a_job_is_written_under_its_claim_alone",),
        beside="UPDATE river.river_job AS j\n",
    ),
    Mutation(
        "one of several writes finds its row changed, and the others stand",
        "if len(answer) < len(rows):",
        "if not answer:",
        (f"{TOGETHER}::test_one_that_was_rescued_before_leaves_all_to_be_tried_alone",),
    ),
    Mutation(
        "a tombstone waits for the session that changes the row, which is there after all",
        "WHERE NOT EXISTS (\n"
        "    SELECT FROM keeper.heartbeat AS h WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at\n"
        ")\n",
        "",
        (f"{RACES}::test_nobody_waits_for_a_beat_under_way",),
    ),
    Mutation(
        "a first beat that commits while the tombstone waits makes an error of the rescue",
        "ON CONFLICT DO NOTHING\n",
        "",
        (f"{RACES}::test_a_first_beat_that_commits_meanwhile_counts",),
        beside="INSERT INTO keeper.heartbeat (job_id",
    ),
    Mutation(
        "several tombstones deadlock with first beats, which come in order of job id",
        "ORDER BY c.job_id, c.attempted_at\n",
        "",
        (f"{TOGETHER}::test_tombstones_are_laid_in_the_order_in_which_beats_come",),
    ),
    Mutation(
        "a claim without a row is judged as never beaten, although a row came meanwhile",
        "        if row is None and request.claim.job_id not in self.tombstones:",
        "        if row is None and job is None and request.claim.job_id not in self.tombstones:",
        (f"{RACES}::test_nobody_waits_for_a_beat_under_way",),
    ),
    Mutation(
        "a tombstone stays for a claim of the group that was skipped, and ends its worker",
        "    if len(entries) < len(items) and not all(item.stuck.job.has_row for item in items):\n",
        "    if len(entries) > len(items):\n",
        (
            f"{TOGETHER}::test_a_tombstone_never_stands_for_one_that_lives",
            f"{TOGETHER}::test_a_brake_has_room_for_some[never beaten]",
        ),
    ),
    Mutation(
        "one claim of several that cannot be written is reported for all of them",
        "        if len(items) > 1:\n            raise _NotTogether from None\n",
        "        if len(items) > 1:\n            return [Skipped(changed.refusal)] * len(items)\n",
        (f"{TOGETHER}::test_one_that_was_rescued_before_leaves_all_to_be_tried_alone",),
    ),
    Mutation(
        "rows and tombstones in one transaction deadlock with a beat of both",
        "return candidate.stuck.job.has_row, candidate.dry_run",
        "return True, candidate.dry_run",
        ("rescue/supervisor/test_candidates.py::test_a_group_is_alike_and_nobody_is_lost",),
    ),
    Mutation(
        "a claim is rescued twice, once by each of two replicas",
        "CREATE UNIQUE INDEX rescue_once_a_claim",
        "CREATE INDEX rescue_once_a_claim",
        (f"{GUARDS}::test_the_audit_alone_keeps_a_second_rescue_away", f"{STATEMENTS}::test_the_audit_has_an_act_once"),
    ),
    Mutation(
        "a worker is requested to stop again and again, with a row of the audit each time",
        "CREATE UNIQUE INDEX rescue_stop_once",
        "CREATE INDEX rescue_stop_once",
        (f"{STATEMENTS}::test_the_audit_has_an_act_once",),
    ),
    Mutation(
        "two replicas record the same dry run",
        "CREATE UNIQUE INDEX rescue_dry_once",
        "CREATE INDEX rescue_dry_once",
        (f"{STATEMENTS}::test_the_audit_has_an_act_once",),
    ),
    Mutation(
        "a claim that the audit knows makes an error of the rescue",
        "ON CONFLICT DO NOTHING\n",
        "",
        (f"{GUARDS}::test_the_audit_alone_keeps_a_second_rescue_away",),
        beside="INSERT INTO keeper.rescue (",
    ),
    Mutation(
        "a worker that was requested to stop gets a new time of the request with each pass",
        " AND h.stop_requested_at IS NULL\n",
        "\n",
        (f"{STATEMENTS}::test_a_stop_is_requested_once_and_of_living_claims",),
    ),
    Mutation(
        "a worker whose claim was taken away is requested to stop",
        "  AND h.lost_at IS NULL AND h.stop_requested_at IS NULL",
        "  AND h.stop_requested_at IS NULL",
        (f"{STATEMENTS}::test_a_stop_is_requested_once_and_of_living_claims",),
    ),
)
