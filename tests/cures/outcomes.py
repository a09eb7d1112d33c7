"""Cures of what a rescue makes of a job: which act, which state, how long it waits, how often, and what came of it."""

from __future__ import annotations

from cures.cure import Cure

GUARDS, WRITES = "database/test_rescue_guards.py", "database/test_rescue_writes.py"
PLAN, FOLLOW = "unit/test_rescue_plan.py", "database/test_rescue_follow.py"
NEXT_ATTEMPT = f"{PLAN}::test_the_next_attempt_waits_for_the_old_worker"

CURES = (
    Cure(
        "the next attempt begins while the old worker, whose lease is over, still stops",
        "rescue/plan.py",
        "wait = max(wait, beat.beat_at + beat.lease + tier.drain - locked.now)",
        "wait = max(wait, beat.beat_at + beat.lease - locked.now)",
        (f"{PLAN}::test_the_lease_and_the_drain_are_waited_out",),
    ),
    Cure(
        "the next attempt begins while the old worker's lease still runs, for only the fence counts",
        "rescue/plan.py",
        "    if beat is not None and beat.lease is not None:\n",
        "    if beat is not None and beat.lease == 0:\n",
        (f"{PLAN}::test_the_lease_and_the_drain_are_waited_out",),
    ),
    Cure(
        "the job of a client that cannot fence is worked anew before its late result came",
        "rescue/plan.py",
        "wait = tier.fence if locked.fences else tier.plain_fence",
        "wait = tier.fence",
        (NEXT_ATTEMPT,),
    ),
    Cure(
        "one process of a client that cannot fence is overlooked beside one that can",
        "rescue/locked.py",
        "bool(instances) and all(one.fences for one in instances)",
        "any(one.fences for one in instances)",
        (f"{WRITES}::test_one_process_that_cannot_fence_is_enough_for_the_longer_wait",),
    ),
    Cure(
        "a lost worker's job backs off for minutes, although it did nothing wrong",
        "rescue/plan.py",
        "    if (verdict.underlying or verdict.reason) in WORKERS_FAULT:\n"
        "        return wait  # the job did nothing wrong\n",
        "",
        (f"{PLAN}::test_a_lost_worker_s_job_does_not_back_off",),
    ),
    Cure(
        "a job that hangs is worked anew at once, and hangs again",
        "rescue/plan.py",
        "return max(wait, backoff(locked.errors, locked.chance))",
        "return wait",
        (f"{PLAN}::test_a_lost_worker_s_job_does_not_back_off",),
    ),
    Cure(
        "`retryable` frees a unique key, and River discards one of two jobs",
        "rescue/plan.py",
        " or not locked.retryable_keeps_key or",
        " or",
        (NEXT_ATTEMPT,),
    ),
    Cure(
        "the unique mask is not looked at",
        "rescue/read_jobs.sql",
        "unique_states IS NULL OR get_bit(unique_states, 2) = 1 AS retryable_keeps_key",
        "unique_states IS NULL OR true AS retryable_keeps_key",
        (f"{WRITES}::test_a_unique_key_stays_held",),
    ),
    Cure(
        "a `retryable` job waits for a leader that is not there",
        "rescue/plan.py",
        " or not locked.led else",
        " else",
        (NEXT_ATTEMPT,),
    ),
    Cure(
        "a leader whose term is over is taken for one",
        "rescue/read_jobs.sql",
        " WHERE l.expires_at > now()) AS led",
        ") AS led",
        (f"{WRITES}::test_the_state_is_one_that_the_job_can_wait_in",),
    ),
    Cure(
        "a short wait ends only when River's scheduler looks, up to five seconds later",
        "rescue/plan.py",
        '"available" if wait <= SHORT_WAIT or',
        '"available" if',
        (f"{WRITES}::test_a_lost_worker_s_job_is_retried",),
    ),
    Cure(
        "an old River without unique states cannot be asked",
        "rescue/read_jobs.sql",
        "CROSS JOIN (SELECT NULL::bit(8) AS unique_states) AS old\n",
        "",
        (f"{GUARDS}::test_an_old_river_without_unique_states",),
        by=("DatabaseError",),
    ),
    Cure(
        "attempts used up: a job is discarded because its worker died",
        "rescue/plan.py",
        "held = verdict.reason in WORKERS_FAULT and tier.on_exhausted is Action.HOLD",
        "held = verdict.reason in WORKERS_FAULT and tier.on_exhausted is None",
        (f"{WRITES}::test_attempts_used_up",),
    ),
    Cure(
        "a person who asks for a retry discards the job",
        "rescue/plan.py",
        "if asked is Action.RETRY or (asked is None and held):",
        "if asked is None and held:",
        ("database/test_rescue_by_hand.py::test_a_person_who_asks_for_a_retry_never_discards",),
    ),
    Cure(
        "a cancel request of an earlier attempt ends this one for good",
        "rescue/locked.py",
        "asked is not None and asked >= row.claimed_at - CANCEL_SLACK",
        "asked is not None",
        (f"{WRITES}::test_a_cancel_that_was_asked_for",),
    ),
    Cure(
        "a cancel request by a clock that is a little behind is overlooked",
        "rescue/locked.py",
        "CANCEL_SLACK = 5.0",
        "CANCEL_SLACK = 0.0",
        (f"{WRITES}::test_a_cancel_that_was_asked_for",),
    ),
    Cure(
        "a cancel message, which names no claim, ends the next attempt for good",
        "rescue/plan.py",
        "notify=tier.notify and _may_notify(locked, verdict, wait),",
        "notify=_may_notify(locked, verdict, wait),",
        (f"{PLAN}::test_a_cancel_message_is_the_exception",),
    ),
    Cure(
        "a cancel message is sent for a worker that was called lost",
        "rescue/plan.py",
        " and wait >= NOTIFY_WAIT and verdict.reason not in WORKERS_FAULT",
        " and wait >= NOTIFY_WAIT",
        (f"{PLAN}::test_a_cancel_message_is_the_exception",),
    ),
    Cure(
        "a cancel message comes when the next attempt may already run",
        "rescue/plan.py",
        " and wait >= NOTIFY_WAIT and",
        " and",
        (f"{PLAN}::test_a_cancel_message_is_the_exception",),
    ),
    Cure(
        "a job that hangs is taken from its living worker without a word",
        "rescue/plan.py",
        "return _stop_first(job, tier, now) or act",
        "return act",
        (f"{PLAN}::test_who_lives_is_asked_first",),
    ),
    Cure(
        "a worker that was asked to stop has no time to do so",
        "rescue/plan.py",
        "left = beat.stop_requested_at + tier.stop_grace - now",
        "left = beat.stop_requested_at - now",
        (f"{GUARDS}::test_a_hung_job_is_asked_first",),
    ),
    Cure(
        "a job that kills its worker is rescued for ever",
        "verdict/judge.py",
        " and job.rescues >= policy.max_rescues:",
        " and job.rescues > 10**9:",
        ("unit/test_verdict_judge.py::test_what_would_be_rescued_again_and_again_is_a_loop",),
    ),
    Cure(
        "River's count of rescues, which outlives JobRetry, makes a loop of a job",
        "rescue/read_jobs.sql",
        """        (
            SELECT count(*)
            FROM keeper.rescue AS r
            WHERE r.job_id = j.id AND NOT r.dry_run AND r.action <> 'stop' AND r.at > now() - interval '24 hours'
        ) AS rescues,
""",
        "        coalesce((j.metadata ->> 'river:rescue_count')::bigint, 0) AS rescues,\n",
        ("database/test_rescue_past.py::test_river_s_count_of_rescues_makes_no_loop",),
    ),
    Cure(
        "rescues of last week make a loop of a job",
        "rescue/read_jobs.sql",
        " AND r.action <> 'stop' AND r.at > now() - interval '24 hours'\n",
        " AND r.action <> 'stop'\n",
        ("database/test_rescue_past.py::test_rescues_of_yesterday_make_no_loop",),
    ),
    Cure(
        "dry runs, which did nothing, use up a job's rescues",
        "rescue/read_jobs.sql",
        "WHERE r.job_id = j.id AND NOT r.dry_run AND r.action <> 'stop' AND r.at >",
        "WHERE r.job_id = j.id AND r.at >",
        ("database/test_rescue_past.py::test_rescues_of_yesterday_make_no_loop",),
    ),
    Cure(
        "a job is rescued again as soon as it was claimed again",
        "rescue/deciding.py",
        "        if left > 0:\n",
        "        if left > 10**9:\n",
        (f"{GUARDS}::test_cooldown_and_rescue_loop",),
    ),
    Cure(
        "a count in the metadata that is none makes the rescue fail, as it makes River's own",
        "rescue/plan.py",
        "return int(text) if text is not None and _COUNT.fullmatch(text) else 0",
        "return int(text) if text is not None else 0",
        (f"{PLAN}::test_a_count_that_is_none_begins_anew",),
        by=("ValueError", "AssertionError"),
    ),
    Cure(
        "metadata that is no object becomes a list that grows with each rescue",
        "rescue/plan.py",
        '{"river:rescue_count": rescues(locked.rescue_count) + 1} if locked.has_metadata else None',
        '{"river:rescue_count": rescues(locked.rescue_count) + 1}',
        (f"{PLAN}::test_what_is_written_is_a_row_that_river_reads",),
    ),
    Cure(
        "an error without its zone strands a whole batch that River has fetched",
        "rescue/plan.py",
        'isoformat(timespec="microseconds").replace("+00:00", "Z")',
        'isoformat(timespec="microseconds").replace("+00:00", "")',
        (f"{PLAN}::test_what_is_written_is_a_row_that_river_reads",),
    ),
    Cure(
        "an old worker that was alive leaves no trace, and the rescue counts as right",
        "heartbeat/sql/end.sql",
        "WHERE h.job_id = ended.job_id AND h.attempted_at = ended.attempted_at",
        "WHERE h.job_id = ended.job_id AND h.attempted_at = ended.attempted_at AND h.lost_at IS NULL",
        (f"{FOLLOW}::test_a_worker_that_ends_late_was_alive",),
    ),
    Cure(
        "an end that was told before the rescue is taken for a late one",
        "rescue/old_worker.py",
        "if seen.ended_at is not None and seen.ended_at >= seen.at:",
        "if seen.ended_at is not None:",
        (f"{FOLLOW}::test_an_end_before_the_rescue_is_no_late_one",),
    ),
    Cure(
        "two keepers count one false rescue twice",
        "rescue/write_old_workers.sql",
        "    WHERE held.closed_at IS NULL\n",
        "",
        (f"{FOLLOW}::test_what_another_keeper_told_meanwhile_is_not_told_again",),
    ),
)
