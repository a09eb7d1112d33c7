"""Mutations of what a rescue makes of a job: its act, its state, its wait, how often, and what came of it."""

from __future__ import annotations

from mutations.mutation import Mutation

GUARDS, WRITES = "rescue/test_guards.py", "rescue/test_writes.py"
PLAN, FOLLOW = "rescue/test_decision.py", "rescue/audit/test_follow_up.py"
NEXT_ATTEMPT = f"{PLAN}::test_the_next_attempt_waits_for_the_previous_worker"
CANCELS = "verdict/test_clocks.py"

MUTATIONS = (
    Mutation(
        "the next attempt begins while the previous worker, whose lease is over, still stops",
        "wait = max(wait, beat.beat_at + beat.lease + tier.drain - locked.now)",
        "wait = max(wait, beat.beat_at + beat.lease - locked.now)",
        (f"{PLAN}::test_the_lease_and_the_drain_are_waited_out",),
    ),
    Mutation(
        "the next attempt begins while the previous worker's lease still runs, because only the fence counts",
        "    if beat is not None and beat.lease is not None:\n",
        "    if beat is not None and beat.lease == 0:\n",
        (f"{PLAN}::test_the_lease_and_the_drain_are_waited_out",),
    ),
    Mutation(
        "the job of a client that cannot fence is worked anew before its late result came",
        "    if not fences:\n        return _wait_unfenced(verdict, tier)\n",
        "",
        (NEXT_ATTEMPT,),
    ),
    Mutation(
        "one process of a client that cannot fence is overlooked beside one that can",
        "bool(instances) and all(instance.fences for instance in instances)",
        "any(instance.fences for instance in instances)",
        (f"{WRITES}::test_one_process_that_cannot_fence_is_enough_for_the_longer_wait",),
    ),
    Mutation(
        "a lost worker's job backs off for minutes, although it did nothing wrong",
        "    if is_blameless(locked.job, verdict):\n        return wait\n",
        "",
        (f"{PLAN}::test_a_lost_worker_s_job_does_not_back_off",),
    ),
    Mutation(
        "a job that hangs is worked anew at once, and hangs again",
        "return max(wait, backoff(locked.errors, locked.chance))",
        "return wait",
        (f"{PLAN}::test_a_lost_worker_s_job_does_not_back_off",),
    ),
    Mutation(
        "`retryable` frees a unique key, and River discards one of two jobs",
        " or not locked.retryable_keeps_key or",
        " or",
        (NEXT_ATTEMPT,),
    ),
    Mutation(
        "the unique mask is not looked at",
        "unique_states IS NULL OR get_bit(unique_states, 2) = 1 AS retryable_keeps_key",
        "unique_states IS NULL OR true AS retryable_keeps_key",
        (f"{WRITES}::test_a_unique_key_stays_held",),
    ),
    Mutation(
        "a `retryable` job waits for a leader that is not there",
        " or not locked.led else",
        " else",
        (NEXT_ATTEMPT,),
    ),
    Mutation(
        "a leader whose term is over is taken for one",
        " WHERE l.expires_at > now()) AS led",
        ") AS led",
        (f"{WRITES}::test_the_state_is_one_that_the_job_can_wait_in",),
    ),
    Mutation(
        "a short wait ends only when River's scheduler looks, up to five seconds later",
        '"available" if wait <= SHORT_WAIT or',
        '"available" if',
        (f"{WRITES}::test_a_lost_worker_s_job_is_retried",),
    ),
    Mutation(
        "an old River without unique states cannot be queried",
        "CROSS JOIN (SELECT NULL::bit(8) AS unique_states) AS old\n",
        "",
        (f"{GUARDS}::test_an_old_river_without_unique_states",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "attempts used up: a job is discarded because its worker died",
        "held = verdict.reason in WORKERS_FAULT and tier.on_exhausted is Action.HOLD",
        "held = verdict.reason in WORKERS_FAULT and tier.on_exhausted is None",
        (f"{WRITES}::test_attempts_used_up",),
    ),
    Mutation(
        "an operator who requests a retry discards the job",
        "if requested is Action.RETRY or (requested is None and held):",
        "if requested is None and held:",
        ("rescue/test_manual.py::test_a_manual_retry_never_discards",),
    ),
    Mutation(
        "a cancel request of an earlier attempt ends this one for good",
        "    return False if cancel_at < earliest - MOST_SKEW else None\n",
        "    return True\n",
        (f"{WRITES}::test_a_cancel_that_was_requested",),
    ),
    Mutation(
        "a cancel by a clock that is minutes behind is overlooked, and cancelled work runs again",
        "    return False if cancel_at < earliest - MOST_SKEW else None\n",
        "    return False\n",
        (f"{CANCELS}::test_a_cancel_is_never_judged_wrong_by_clocks_that_are_off",),
    ),
    Mutation(
        "cancelled work runs again where the clock of its worker is ahead",
        "if cancel_at >= (claimed_at if claimed_before is None else claimed_before) - CANCEL_SLACK:",
        "if cancel_at >= claimed_at - CANCEL_SLACK:",
        (
            f"{CANCELS}::test_a_cancel_is_never_judged_wrong_by_clocks_that_are_off",
            "rescue/test_worker_clocks.py::test_a_cancel_of_a_claim_that_a_worker_s_clock_dates",
        ),
    ),
    Mutation(
        "a rescue runs a job again that may have been cancelled",
        "    if job.cancel_requested is None and requested is None:\n",
        "    if job.cancel_requested is None and requested is Action.HOLD:\n",
        ("rescue/test_worker_clocks.py::test_a_cancel_of_a_claim_that_a_worker_s_clock_dates",),
    ),
    Mutation(
        "a cancel request by a clock that is a little behind is overlooked",
        "CANCEL_SLACK = 5.0",
        "CANCEL_SLACK = 0.0",
        (f"{WRITES}::test_a_cancel_that_was_requested",),
    ),
    Mutation(
        "a job that hangs is taken from its living worker without a word",
        "return _request_stop(job, tier, now) or act",
        "return act",
        (f"{GUARDS}::test_a_hung_job_is_requested_to_stop_first",),
    ),
    Mutation(
        "a worker that was requested to stop has no time to do so",
        "left = beat.stop_requested_at + tier.stop_grace - now",
        "left = beat.stop_requested_at - now",
        (f"{GUARDS}::test_a_hung_job_is_requested_to_stop_first",),
    ),
    Mutation(
        "a job that kills its worker is rescued for ever",
        "is_acted_on and job.rescues >= policy.rescue.max_rescues:",
        "is_acted_on and job.rescues > 10**9:",
        ("verdict/test_judge.py::test_what_would_be_rescued_again_and_again_is_a_loop",),
    ),
    Mutation(
        "River's count of rescues, which outlives JobRetry, makes a loop of a job",
        "        earlier.rescues,\n",
        "        coalesce((j.metadata ->> 'river:rescue_count')::bigint, 0) AS rescues,\n",
        ("rescue/test_earlier_attempts.py::test_river_s_count_of_rescues_makes_no_loop",),
    ),
    Mutation(
        "rescues of last week make a loop of a job",
        "count(*) FILTER (WHERE acted.at > now() - interval '24 hours') AS rescues",
        "count(*) AS rescues",
        ("rescue/test_earlier_attempts.py::test_rescues_of_yesterday_make_no_loop",),
    ),
    Mutation(
        "dry runs, which did nothing, use up a job's rescues",
        "WHERE r.job_id = j.id AND NOT r.dry_run AND r.action <> 'stop'\n",
        "WHERE r.job_id = j.id\n",
        ("rescue/test_earlier_attempts.py::test_rescues_of_yesterday_make_no_loop",),
    ),
    Mutation(
        "a job is rescued again as soon as it was claimed again",
        "        if left > 0:\n",
        "        if left > 10**9:\n",
        (f"{GUARDS}::test_cooldown_and_rescue_loop",),
    ),
    Mutation(
        "a count in the metadata that is none makes the rescue fail, as it makes River's own",
        "return int(text) if isinstance(text, str) and _COUNT.fullmatch(text) else 0",
        "return int(text) if isinstance(text, str) else 0",
        ("river/test_failures.py::test_a_count_that_is_none_begins_anew",),
        errors=("ValueError", "AssertionError"),
    ),
    Mutation(
        "metadata that is no object becomes a list that grows with each rescue",
        '{"river:rescue_count": parse_count(locked.rescue_count) + 1} if locked.has_metadata else None',
        '{"river:rescue_count": parse_count(locked.rescue_count) + 1}',
        (f"{PLAN}::test_what_is_written_is_a_row_that_river_reads",),
    ),
    Mutation(
        "a job is stopped before its stack is requested, which then shows how it ends",
        "            self._request_stacks(found, given.read_at)\n        left",
        "            pass\n        left",
        ("rescue/test_stacks.py::test_a_hung_job_is_requested_its_stack_before_its_stop",),
    ),
    Mutation(
        "a request for a stack that fails holds up every rescue",
        "            if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE}:\n                raise\n"
        '            log.warning("stacks',
        '            raise\n            log.warning("stacks',
        ("rescue/test_stacks.py::test_a_request_that_fails_holds_up_no_rescue",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "a thousand hung jobs of one kind send 32 MB",
        "if wanted and seen[group] < STACKS_OF_A_KIND:",
        "if wanted:",
        ("rescue/test_stacks.py::test_one_kind_is_not_requested_a_thousand",),
    ),
    Mutation(
        "a request for a stack waits for a beat or a rescue, which waits for it",
        "        FOR UPDATE OF h SKIP LOCKED\n    ) AS held\n)\nUPDATE",
        "        FOR UPDATE OF h NOWAIT\n    ) AS held\n)\nUPDATE",
        ("rescue/test_stacks.py::test_a_request_waits_for_no_lock_and_moves_no_other",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "an operator who requests a stack again and again moves the moment since when the worker owes it",
        "          AND (h.stack_requested_at IS NULL OR h.stack_at >= h.stack_requested_at)\n",
        "",
        ("rescue/test_stacks.py::test_a_request_waits_for_no_lock_and_moves_no_other",),
    ),
    Mutation(
        "an error without its zone strands a whole batch that River has fetched",
        'isoformat(timespec="microseconds").replace("+00:00", "Z")',
        'isoformat(timespec="microseconds").replace("+00:00", "")',
        (f"{PLAN}::test_what_is_written_is_a_row_that_river_reads",),
    ),
    Mutation(
        "a previous worker that was alive leaves no trace, and the rescue counts as right",
        "WHERE h.job_id = ended.job_id AND h.attempted_at = ended.attempted_at",
        "WHERE h.job_id = ended.job_id AND h.attempted_at = ended.attempted_at AND h.lost_at IS NULL",
        (f"{FOLLOW}::test_a_worker_that_ends_late_was_alive",),
    ),
    Mutation(
        "an end that was reported before the rescue counts as a late one",
        "if facts.ended_at is not None and facts.ended_at >= facts.at:",
        "if facts.ended_at is not None:",
        (f"{FOLLOW}::test_an_end_before_the_rescue_is_no_late_one",),
    ),
    Mutation(
        "a worker that had ended its own work when its lease was over counts as a false rescue",
        '    if facts.reason not in WORKERS_FAULT or found.work == "abandoned":\n',
        "    if facts.reason not in WORKERS_FAULT:\n",
        (f"{PLAN}::test_a_rescue_is_false_where_work_was_taken",),
    ),
    Mutation(
        "a worker that never beat, and whose result the fence dropped, counts as a right rescue",
        "    if facts.late_at is not None:\n",
        "    if facts.late_at == 0:\n",
        (f"{FOLLOW}::test_a_result_that_the_fence_dropped_shows_that_the_worker_was_alive",),
    ),
    Mutation(
        "a rate is shown while only the false rescues can be known",
        "count(*) FILTER (WHERE c.known AND c.is_over) AS rated,",
        "count(*) FILTER (WHERE c.known) AS rated,",
        ("rescue/audit/test_history.py::test_the_report_counts_claims",),
    ),
    Mutation(
        "two replicas count one false rescue twice",
        "    WHERE held.closed_at IS NULL OR n.was_false AND held.was_false IS NOT TRUE\n",
        "",
        (f"{FOLLOW}::test_what_another_replica_recorded_meanwhile_is_not_recorded_again",),
    ),
)
