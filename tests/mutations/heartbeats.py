"""Mutations of the heartbeat contract: its statements, and the Python client."""

from __future__ import annotations

from mutations.mutation import Mutation

WAITS, RACES = "heartbeat/test_waits.py", "heartbeat/test_races.py"
PARTS, SWEEP = "heartbeat/test_client_parts.py", "schema/test_sweep.py"
STACKS = "heartbeat/test_stacks.py"
BEATER, CLAIMS = "heartbeat/test_client.py", "heartbeat/test_statements.py"


def contract(scenario: str, client: str = "python") -> str:
    return f"conformance/test_clients.py::test_client_keeps_the_contract[{scenario}-{client}]"


MUTATIONS = (
    Mutation(
        "a beat that waited for a rescue takes the claim back",
        "\n      AND g.runs = (h.lost_at IS NULL)  --",
        "\n      --",
        (f"{WAITS}::test_a_beat_waits_for_an_open_rescue",),
        beside="%(client_interval)s",
    ),
    Mutation(
        "a first beat that waited for a tombstone takes the claim back",
        "    WHERE h.lost_at IS NULL\n    RETURNING h.job_id, h.attempted_at, h.stop_requested_at, h.stack",
        "    RETURNING h.job_id, h.attempted_at, h.stop_requested_at, h.stack",
        (f"{WAITS}::test_a_first_beat_waits_for_an_open_tombstone",),
        beside="%(client_interval)s",
    ),
    Mutation(
        "a claim beats on under which its job does not run any more",
        "coalesce(j.state = 'running' AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at, false) AS runs,",
        "coalesce(j.state = 'running' AND j.attempt = g.attempt, false) AS runs,",
        (f"{CLAIMS}::test_a_claim_that_the_job_has_left_is_lost",),
    ),
    Mutation(
        "first beats of two sessions in opposite order deadlock",
        "    WHERE g.runs AND (g.job_id, g.attempted_at) NOT IN (SELECT a.job_id, a.attempted_at FROM again AS a)\n"
        "    ORDER BY g.job_id, g.attempted_at\n",
        "    WHERE g.runs AND (g.job_id, g.attempted_at) NOT IN (SELECT a.job_id, a.attempted_at FROM again AS a)\n"
        "    ORDER BY array_position(%(job_ids)s::bigint[], g.job_id)\n",
        (f"{RACES}::test_beaters_with_opposite_orders_never_deadlock",),
        beside="%(client_interval)s",
        errors=("DeadlockDetected",),
    ),
    Mutation(
        "ends of two sessions in opposite order deadlock",
        "    ORDER BY e.job_id, e.attempted_at\n",
        "    ORDER BY array_position(%(job_ids)s::bigint[], e.job_id)\n",
        (f"{RACES}::test_beaters_with_opposite_orders_never_deadlock",),
        errors=("DeadlockDetected",),
    ),
    Mutation(
        "a truncated attempted_at names a claim that nobody holds, and every claim is lost at once",
        "HH24:MI:SS.US",
        "HH24:MI:SS.MS000",
        (f"{CLAIMS}::test_a_claim_is_named_as_the_database_has_it",),
        beside="cardinality(j.attempted_by)] = %(client_id)s",
    ),
    Mutation(
        "an old attempt and the new one fight for one row",
        "    PRIMARY KEY (job_id, attempted_at)\n",
        "    PRIMARY KEY (job_id, attempted_at),\n    UNIQUE (job_id)\n",
        (contract("same_process_claims_the_job_again"),),
        beside="first_beat_at     timestamptz",
    ),
    Mutation(
        "the request for a stack stops a worker's process for ever",
        "    gc.disable()\n",
        "",
        (f"{STACKS}::test_no_garbage_is_collected_while_threads_are_listed",),
    ),
    Mutation(
        "a client sends stacks that nobody requested, and the page shows them",
        "      AND h.stack_requested_at IS NOT NULL\n"
        "      AND (h.stack_at IS NULL OR h.stack_at < h.stack_requested_at)\n",
        "",
        (f"{STACKS}::test_the_database_takes_a_stack_once_for_each_request",),
    ),
    Mutation(
        "a worker that lost its claim sends a stack of it",
        "    WHERE h.lost_at IS NULL\n      AND h.stack_requested_at IS NOT NULL\n",
        "    WHERE h.stack_requested_at IS NOT NULL\n",
        (f"{STACKS}::test_the_database_takes_a_stack_once_for_each_request",),
    ),
    Mutation(
        "a stack is requested again by each beat after its answer",
        "h.stack_requested_at IS NOT NULL AND (h.stack_at IS NULL OR h.stack_at < h.stack_requested_at)\n    ) AS",
        "h.stack_requested_at IS NOT NULL\n    ) AS",
        (f"{STACKS}::test_a_beat_brings_the_request_until_it_is_answered",),
    ),
    Mutation(
        "the stack of another job is sent, whose thread got the same ident",
        "if self.thread.is_alive() and self.thread.ident is not None:",
        "if self.thread.ident is not None:",
        (f"{STACKS}::test_a_thread_that_has_ended_has_no_stack",),
    ),
    Mutation(
        "a stack of a thousand frames is refused by the table, and never comes",
        "if size > STACK_BYTES or len(lines) == MOST_FRAMES:",
        "if not frame:",
        (f"{STACKS}::test_a_long_stack_is_cut_and_odd_names_are_cleaned",),
    ),
    Mutation(
        "a stack that is refused fails the tick, and with it the beats of all jobs",
        "            self._logged.clear()\n        except DatabaseError as error:\n",
        "            self._logged.clear()\n        except ZeroDivisionError as error:\n",
        (f"{STACKS}::test_a_stack_that_is_refused_is_logged_once",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "two processes with one client id are taken for one",
        "instance: UUID = field(default_factory=uuid4)",
        "instance: UUID = field(default_factory=lambda: UUID(int=1))",
        (contract("two_processes_share_a_client_id"),),
    ),
    Mutation(
        "a crash of the server forgets the beats of just those jobs that it ended",
        "CREATE TABLE keeper.heartbeat (",
        "CREATE UNLOGGED TABLE keeper.heartbeat (",
        ("schema/test_install.py::test_what_it_remembers_outlives_a_crash_of_the_server",),
    ),
    Mutation(
        "a lease under two and a half intervals ends work by one beat that fails",
        "if self.lease is not None and not shortest <= self.lease < math.inf:",
        "if self.lease is not None and not 0 <= self.lease < math.inf:",
        ("heartbeat/test_claim.py::test_a_tier_that_cannot_work_is_refused",),
    ),
    Mutation(
        "a beat in the metadata waits for a worker's own open transaction",
        "FOR NO KEY UPDATE SKIP LOCKED",
        "FOR NO KEY UPDATE",
        (f"{BEATER}::test_beats_in_the_metadata_need_no_table",),
    ),
    Mutation(
        "a beat in metadata that are no object makes a growing list of them",
        "          AND jsonb_typeof(r.metadata) = 'object'\n",
        "",
        (f"{BEATER}::test_beats_in_the_metadata_need_no_table",),
    ),
    Mutation(
        "a claim is taken away in the midst of the transaction that has the effect",
        "  AND j.attempted_at OPERATOR(pg_catalog.=) %(attempted_at)s::pg_catalog.timestamptz\nFOR NO KEY UPDATE\n",
        "  AND j.attempted_at OPERATOR(pg_catalog.=) %(attempted_at)s::pg_catalog.timestamptz\n",
        (f"{WAITS}::test_a_held_claim_cannot_be_taken",),
    ),
    Mutation(
        "a lease runs from a late answer, and work goes on after its claim was rescued",
        "        active.last_beat_at = sent_at\n        active.acknowledged = reported\n",
        "        active.last_beat_at = lease_clock()\n        active.acknowledged = reported\n",
        (f"{PARTS}::test_a_slow_answer_counts_from_when_its_beat_was_sent",),
    ),
    Mutation(
        "a machine that slept takes its lease for fresh when it wakes",
        'getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)',
        "time.CLOCK_MONOTONIC",
        (f"{PARTS}::test_leases_run_on_a_clock_that_runs_through_suspend",),
    ),
    Mutation(
        "a lease is never looked at, for the beat hangs for as long",
        "            if active.tier.lease is not None and active.reason is None:\n",
        "            if active.tier.lease is not None and active.reason is not None:\n",
        (f"{PARTS}::test_the_lease_runs_from_the_last_successful_beat",),
    ),
    Mutation(
        "a result carries no token while the database has not answered, and ends the next attempt",
        "self.wanted and self.in_force is not False else None",
        "self.wanted and self.in_force else None",
        (f"{PARTS}::test_a_result_carries_a_token_until_no_fence_is_known",),
    ),
    Mutation(
        "the first results of a process leave tokens behind that no fence strips",
        "                self._fence.answered.wait(FIRST_ANSWER_SECONDS)\n",
        "                pass\n",
        (f"{BEATER}::test_the_first_block_knows_whether_its_result_needs_a_token[False]",),
    ),
    Mutation(
        "a fence that was installed or removed is noticed by new processes only",
        '            self._checked_at = float("-inf")\n            raise',
        "            raise",
        (contract("fence_comes_and_goes_while_a_job_runs"),),
    ),
    Mutation(
        "a grant that was taken back ends the fence of a client, though the triggers are there",
        "error.sqlstate in SCHEMA_IS_GONE or self.in_force is None",
        "error",
        (f"{PARTS}::test_a_refusal_ends_the_fence_only_with_its_schema",),
    ),
    Mutation(
        "a claim that was given up because no beat succeeded is reported as a failure of the job",
        "return Outcome.ABANDONED if abandoned else outcome",
        "return outcome",
        (f"{PARTS}::test_work_that_failed_after_its_lease_was_given_up",),
    ),
    Mutation(
        "a beat whose answer got lost made a row, and the client believes that there is none",
        "                for active in fresh:\n                    active.named = False\n",
        "            for active in fresh:\n                active.named = False\n",
        (f"{PARTS}::test_a_beat_whose_answer_got_lost_may_have_made_a_row",),
    ),
    Mutation(
        "a table that was dropped, or a grant that was taken back, ends all leased work",
        "                for active, _ in beats:\n"
        "                    active.last_beat_at = sent_at  # a refusal is an answer: it ends no lease\n",
        "",
        (f"{PARTS}::test_a_failed_beat_proves_nothing_of_any_claim",),
    ),
    Mutation(
        "a claim that is lost for good is beaten for, as long as its work goes on",
        "return [active for active in self.list_active() if not active.lost]",
        "return self.list_active()",
        ("heartbeat/test_vectors.py::test_python_acts_on_each_answer_as_the_vectors_do",),
    ),
    Mutation(
        "a text that is no time fails the beat of every claim of a process",
        'return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")',
        "return str(attempted_at)",
        ("heartbeat/test_vectors.py::test_python_writes_every_time_in_the_form_of_the_contract",),
    ),
    Mutation(
        "a beat that failed ends all work",
        "            self._failures.record(error)\n",
        "            self._failures.record(error)\n            [active.mark_lost() for active, _ in beats]\n",
        (f"{PARTS}::test_a_failed_beat_proves_nothing_of_any_claim",),
    ),
    Mutation(
        "a black hole swallows every beat, for the connection is never given up",
        "            self._drop()  # a connection that failed once may swallow every later statement\n",
        "",
        (contract("connection_that_never_answers_again"),),
    ),
    Mutation(
        "each beat that waits for a lock leaves a statement on the server, until it is full",
        '{PIN}; SET LOCAL statement_timeout = {milliseconds}"',
        '{PIN}; SELECT {milliseconds}"',
        (contract("waiting_for_a_lock_leaves_nothing_behind"),),
    ),
    Mutation(
        "an earlier attempt works on beside the next one in the same process",
        "            earlier.mark_lost()  # the queue has handed the job out again\n",
        "            pass\n",
        (f"{CLAIMS}::test_an_earlier_attempt_is_stopped_at_once",),
    ),
    Mutation(
        "the next attempt begins before the earlier one in the same process has returned",
        "                earlier.returned.wait(self.reclaim_seconds)\n",
        "                pass\n",
        (f"{BEATER}::test_a_claim_waits_for_the_earlier_attempt",),
    ),
    Mutation(
        "a client beats into the keeper schema of another River, where every claim is lost",
        "        if meta.river_schema != river:\n",
        "        if meta.river_schema == '':\n",
        (contract("keeper_schema_of_another_river"), f"{BEATER}::test_a_keeper_schema_of_another_river_is_named"),
    ),
    Mutation(
        "a job that moves no more looks as if it did, because its ticker repeats its progress",
        "[reported is not active.acknowledged for active, reported in ordered]",
        "[reported != (None, None) for active, reported in ordered]",
        (contract("progress_is_reported_by_the_job_alone"),),
    ),
    Mutation(
        "the row of a stale claim is swept, and no rescue can lock it",
        """      AND NOT EXISTS (
          SELECT
          FROM river.river_job AS j
          WHERE j.id = h.job_id
            AND j.state = 'running'
            AND j.attempt = h.attempt
            AND j.attempted_at = h.attempted_at
          OFFSET 0
      )
""",
        "",
        (f"{SWEEP}::test_a_job_that_runs_under_the_claim_keeps_its_row",),
    ),
    Mutation(
        "a mark of loss is swept while its worker may yet come back",
        "WHERE greatest(h.beat_at, h.ended_at, h.lost_at) < now()",
        "WHERE greatest(h.beat_at, h.ended_at) < now()",
        (
            f"{SWEEP}::test_a_claim_that_is_over_is_swept_after_ten_minutes",
            f"{SWEEP}::test_a_rescued_claim_is_still_lost_to_its_worker",
        ),
    ),
    Mutation(
        "a sweep waits for a beat or a rescue under way, and deadlocks with it",
        "    FOR UPDATE OF h SKIP LOCKED\n",
        "",
        (f"{SWEEP}::test_a_row_that_another_holds_is_left",),
        ("DatabaseError",),  # lock_timeout ends the wait
        beside="DELETE FROM keeper.heartbeat",
    ),
    Mutation(
        "a stale process is forgotten, and its jobs that never beat stay running for ever",
        """            AND stale.client_id <> ALL (ARRAY(
                SELECT DISTINCT j.attempted_by[cardinality(j.attempted_by)]
                FROM river.river_job AS j
                WHERE j.state = 'running' AND cardinality(j.attempted_by) > 0
            ))
""",
        "",
        (f"{SWEEP}::test_clients_stale_for_an_hour",),
    ),
    Mutation(
        "a worker sends its pod with every beat, one statement more each",
        "        self._due = False\n        try:\n            self._send(seconds)",
        "        try:\n            self._send(seconds)",
        (contract("pod_is_reported_once"),),
    ),
    Mutation(
        "a keeper schema without the columns of pods takes no beats any more",
        '        except DatabaseError as error:\n            log.warning(\n                "the pod',
        '        except KeyError as error:\n            log.warning(\n                "the pod',
        (contract("keeper_schema_without_pods"), contract("pod_that_is_refused_costs_no_beat")),
    ),
)
