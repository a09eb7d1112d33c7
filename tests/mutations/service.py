"""Mutations of what stands around: the cost of a reading, rights, wakes, the webhook, and what cannot be configured."""

from __future__ import annotations

from mutations.mutation import Mutation

AUDIT_PLANS = "rescue/audit/test_plans.py"
PLANS, INBOX, ROLES = "river/test_plans.py", "rescue/wakes/test_inbox.py", "rescue/test_roles.py"
WEBHOOK, WIRE = "web/webhook/test_endpoint.py", "web/webhook/test_wire.py"

MUTATIONS = (
    Mutation(
        "where most of the table is live a scrape reads all of it",
        '"enable_seqscan",\n        "off",\n',
        '"enable_seqscan",\n        "on",\n',
        (
            f"{PLANS}::test_no_question_reads_the_whole_table[mostly live]",
            f"{PLANS}::test_no_question_reads_the_whole_table[mostly running]",
        ),
    ),
    Mutation(
        "a bitmap reads a whole queue before its first row",
        "set_config('enable_bitmapscan', 'off', true)",
        "set_config('enable_bitmapscan', 'on', true)",
        (f"{PLANS}::test_no_question_reads_the_whole_table[mostly live]",),
    ),
    Mutation(
        "each rescue reads the whole audit to count those of a minute",
        "r.at > now() - interval '1 minute'",
        "r.at > clock_timestamp() - interval '1 minute'",
        (f"{AUDIT_PLANS}::test_no_question_reads_the_audit[analyzed of rescues]",),
    ),
    Mutation(
        "each checkpoint that was resumed reads the whole audit for the last rescue of its job",
        "AND a.attempted_at <> saved.resumed_at\n                OFFSET 0\n",
        "AND a.attempted_at <> saved.resumed_at\n",
        (f"{AUDIT_PLANS}::test_no_question_reads_the_audit[analyzed before it grew of rescues]",),
    ),
    Mutation(
        "a scrape reads a month of dry runs for the last rescue",
        "ON keeper.rescue (dry_run, at)",
        "ON keeper.rescue (at)",
        (f"{AUDIT_PLANS}::test_no_question_reads_the_audit[analyzed of dry runs]",),
    ),
    Mutation(
        "a queue of millions is counted to its end",
        "AND j.scheduled_at <= to_timestamp(given.moment)\n        LIMIT given.bound\n",
        "AND j.scheduled_at <= to_timestamp(given.moment)\n",
        (f"{PLANS}::test_a_bound_is_a_bound[mostly live]",),
    ),
    Mutation(
        "the rows of a long queue are read to tell their kinds",
        "        LIMIT given.bound\n",
        "",
        (f"{PLANS}::test_a_bound_is_a_bound[mostly live]",),
        beside="count(*) FILTER (WHERE seen.errors_size > 16) AS failing",
    ),
    Mutation(
        "many queues, each short enough, are read whole together",
        "if count <= KIND_EXACT and spent + count <= KIND_BUDGET:",
        "if count <= KIND_EXACT:",
        ("river/test_bounds.py::test_rows_read_for_their_kinds_stay_within_the_budgets",),
    ),
    Mutation(
        "one slow question takes the time of all others",
        "self._share = ONE_QUERY_SHARE * self.remaining()",
        "self._share = self.remaining()",
        ("scrape/test_locks.py::test_a_slow_question_leaves_the_others_their_time",),
    ),
    Mutation(
        "running jobs with megabytes of metadata each are unpacked at every scrape",
        "    WHERE rising.together <= %(most_bytes_together)s\n",
        "    WHERE %(most_bytes_together)s > 0\n",
        ("scrape/test_heartbeats.py::test_metadata_are_looked_into_up_to_a_budget",),
    ),
    Mutation(
        "an id written into the kind makes a series of each job",
        "        if len(result) >= most:\n",
        "        if len(result) >= 10**9:\n",
        (f"{'ledger/test_names.py'}::test_names_are_bounded_and_stay_while_they_are_in_use",),
    ),
    Mutation(
        "a reader writes",
        "                connection.read_only = read_only\n",
        "",
        ("postgres/test_sessions.py::test_reading_cannot_write",),
    ),
    Mutation(
        "a rescuer may change what it never writes",
        """_grant(f"UPDATE ({', '.join(RESCUED_COLUMNS)})", target.layout.schema, "river_job", RESCUER)""",
        """_grant("UPDATE", target.layout.schema, "river_job", RESCUER)""",
        (f"{ROLES}::test_what_no_role_may_do",),
    ),
    Mutation(
        "a rescuer cannot write a unique job, whose index asks a function of River's",
        '        yield f"GRANT EXECUTE ON FUNCTION {target.bitmask} TO {RESCUER};"\n',
        "        pass\n",
        (f"{ROLES}::test_a_rescuer_rescues",),
    ),
    Mutation(
        "a worker's login takes claims away",
        "UPDATE ({_BEATS}, stack_at, ended_at, outcome)",
        "UPDATE ({_BEATS}, stack_at, ended_at, outcome, lost_at, stop_requested_at)",
        ("heartbeat/test_grants.py::test_what_a_worker_may_not_do",),
    ),
    Mutation(
        "Riverkeeper reads the arguments of jobs",
        "            yield select(schema, table, columns)\n    if",
        '            yield select(schema, table, [*columns, *(["args"] if table == "river_job" else [])])\n    if',
        (f"{ROLES}::test_what_no_role_may_do",),
    ),
    Mutation(
        "Riverkeeper works in the keeper schema of another River, whose ids mean other jobs",
        "    if river_schema != river:\n",
        "    if river_schema == '':\n",
        (
            "schema/test_install.py::test_a_keeper_schema_of_another_river_is_refused",
            "scrape/test_keeper_schema.py::test_a_keeper_schema_of_another_river",
        ),
    ),
    Mutation(
        "an alert that fires again after its wake was closed wakes nobody",
        "ON keeper.wake (fingerprint, starts_at) WHERE closed_at IS NULL;",
        "ON keeper.wake (fingerprint, starts_at);",
        (f"{INBOX}::test_a_closed_wake_that_is_received_again_opens_anew",),
    ),
    Mutation(
        "an alert that is repeated is stored again each time",
        "ON CONFLICT (fingerprint, starts_at) WHERE closed_at IS NULL\n"
        "DO UPDATE SET last_heard_at = clock_timestamp()\n",
        "",
        (f"{INBOX}::test_a_repeated_wake_is_accepted_and_not_stored_again",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "two Alertmanagers that tell the same alerts deadlock",
        "ORDER BY call.fingerprint, call.starts_at\n",
        "",
        (f"{INBOX}::test_two_peers_that_send_the_same_alerts_do_not_deadlock",),
    ),
    Mutation(
        "a message of yesterday wakes the rescuer",
        "abs(extract(epoch FROM now())::double precision - given.starts_at) <= %(max_age)s::double precision",
        "%(max_age)s::double precision > 0",
        (f"{INBOX}::test_a_replay_wakes_nobody",),
        errors=("AssertionError", "DatabaseError"),
    ),
    Mutation(
        "a wake that nobody can work off waits for ever",
        "w.received_at < clock_timestamp() - make_interval(secs => %(max_age)s::double precision)",
        "%(max_age)s::double precision < 0",
        (f"{INBOX}::test_wakes_expire",),
    ),
    Mutation(
        "a wake that a brake refused is lost",
        "        if why is None:\n",
        "        if why is None or finished:\n",
        (f"{INBOX}::test_a_wake_stays_open_while_a_pass_proves_nothing",),
    ),
    Mutation(
        "an alert wakes the rescuer without leave",
        '    if labels.get("rescue") != "allow":\n',
        '    if labels.get("rescue") == "deny":\n',
        ("web/webhook/test_alertmanager.py::test_what_may_not_wake_is_left_out_and_counted",),
    ),
    Mutation(
        "a tier that is misspelt in an alert means any",
        "return call if call.scope.can_be(tiers) else AlertStatus.UNKNOWN_SCOPE",
        "return call",
        ("web/webhook/test_alertmanager.py::test_what_may_not_wake_is_left_out_and_counted",),
    ),
    Mutation(
        "an alert is accepted that nobody has stored",
        'return PlainTextResponse(f"Not stored, send it again: {error}\\n", 503)',
        'return PlainTextResponse(f"Not stored, send it again: {error}\\n", 202)',
        (f"{WEBHOOK}::test_a_database_that_is_down_has_the_alert_sent_again",),
    ),
    Mutation(
        "a message of gigabytes is taken into memory",
        "        if len(body) > most:\n",
        "        if len(body) > 10**12:\n",
        (f"{WIRE}::test_a_giant_in_pieces_is_refused_as_soon_as_it_is_too_long",),
        errors=("AssertionError", "TimeoutError", "ReadTimeout"),
    ),
    Mutation(
        "an announced giant is read before it is refused",
        "    if announced.isdecimal() and int(announced[:20]) > most:\n",
        "    if announced.isdecimal() and int(announced[:20]) > 10**30:\n",
        (f"{WIRE}::test_an_announced_giant_is_refused_unread",),
        errors=("AssertionError", "TimeoutError"),
    ),
    Mutation(
        "the time of a comparison gives the webhook's token away, letter by letter",
        'right = hmac.compare_digest(_digest(presented.strip().encode("utf-8", "replace")), self._digest)',
        'right = _digest(presented.strip().encode("utf-8", "replace")) == self._digest',
        (f"{WEBHOOK}::test_tokens_are_compared_in_constant_time",),
    ),
    Mutation(
        "a job whose worker died is called hung, and is requested to stop before it is rescued",
        "    if progress is not None and progress < timeout:\n",
        "    if progress is not None and progress < 0:\n",
        ("config/test_tiers.py::test_a_dead_worker_is_not_called_hung_first",),
    ),
    Mutation(
        "a wait by kind is configured, which no index of River's can tell",
        "    yield from _unused_waits(rules, given)\n",
        "",
        ("config/test_tiers.py::test_every_contradiction_is_reported_at_once_with_its_line",),
    ),
)
