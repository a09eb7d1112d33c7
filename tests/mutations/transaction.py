"""Mutations of who may act, and of what is known after a replica died: the leader's lock, the commit, the dry run."""

from __future__ import annotations

from mutations.mutation import Mutation

GUARDS, CRASHES = "rescue/test_guards.py", "rescue/test_crashes.py"
SESSIONS = "postgres/test_sessions.py"

MUTATIONS = (
    Mutation(
        "two replicas act at the same moment",
        'if not tx.query("rescue/try_rescue_lock")[0].acquired:',
        'if tx.query("rescue/try_rescue_lock")[0].acquired is None:',
        (f"{GUARDS}::test_while_another_replica_leads_nothing_is_rescued",),
        beside="Refusal.NOT_ACTOR",
    ),
    Mutation(
        "two Rivers in one database wait for each other, or two keeper schemas of one River do not",
        "(pg_typeof(NULL::river.river_job)::oid::bigint - 2147483648)::integer",
        "(pg_typeof(NULL::river.river_job)::oid::bigint * 0)::integer",
        (f"{GUARDS}::test_another_river_in_the_same_database_has_its_own_leadership",),
    ),
    Mutation(
        "the lock of a session outlives its transaction, on a pooler's connection or a dead host's",
        "SELECT pg_try_advisory_xact_lock(",
        "SELECT pg_try_advisory_lock(",
        (f"{CRASHES}::test_nobody_knows_while_the_old_transaction_lives",),
        beside="pg_typeof(NULL::river.river_job)",
    ),
    Mutation(
        "the brakes are read before the lock, and another replica's acts are not among them",
        """    if not tx.query("rescue/try_rescue_lock")[0].acquired:
        raise _RollBack([Skipped(Refusal.NOT_ACTOR)] * len(items))
    check_brakes = items[0].request.read_brakes(tx)
""",
        """    check_brakes = items[0].request.read_brakes(tx)
    if not tx.query("rescue/try_rescue_lock")[0].acquired:
        raise _RollBack([Skipped(Refusal.NOT_ACTOR)] * len(items))
""",
        ("rescue/supervisor/test_brakes.py::test_brakes_are_read_under_the_leader_s_lock",),
    ),
    Mutation(
        "a brake that was engaged since the reading does not hold",
        "    check_brakes = items[0].request.read_brakes(tx)\n",
        "    check_brakes = (lambda _: lambda _: None)(items[0].request.read_brakes(tx))\n",
        (f"{GUARDS}::test_every_brake_holds",),
    ),
    Mutation(
        "the kill switch holds only from the next pass on",
        "return lambda acts: first_engaged(facts.after(acts), policy, health, reported=reported)",
        "return lambda acts: None",
        ("rescue/supervisor/test_brakes.py::test_a_pass_reads_the_brakes_from_the_tables",),
    ),
    Mutation(
        "25 jobs of one transaction pass a brake that has room for one",
        "first_engaged(facts.after(acts), policy",
        "first_engaged(facts.after(0), policy",
        ("rescue/supervisor/test_brakes.py::test_a_minute_s_budget_counts_the_acts_of_the_transaction",),
    ),
    Mutation(
        "a group is rescued by a reading after which the heartbeat path broke",
        "if facts.path.ok_since != given.verdicts.path_ok_since:",
        "if facts is None:",
        ("rescue/supervisor/test_brakes.py::test_a_way_that_broke_since_the_reading_holds",),
    ),
    Mutation(
        "a replica that was suspended between reading and rescue acts on what it read before",
        "max(facts.now - given.read_at, lease_clock() - given.began_at)",
        "facts.now - given.read_at",
        ("rescue/supervisor/test_brakes.py::test_the_older_of_both_ages_of_a_reading_counts",),
    ),
    Mutation(
        "the database's clock stopped, and an old reading counts as fresh",
        "max(facts.now - given.read_at, lease_clock() - given.began_at)",
        "lease_clock() - given.began_at",
        ("rescue/supervisor/test_brakes.py::test_the_older_of_both_ages_of_a_reading_counts",),
    ),
    Mutation(
        "jobs whose rows are locked for hours keep all others from their turn",
        'return sorted(found, key=lambda each: (not each.is_reported, tried_at.get(each.claim, float("-inf"))))',
        "return list(found)",
        ("rescue/supervisor/test_candidates.py::test_a_job_that_was_never_tried_comes_first",),
    ),
    Mutation(
        "the audit is queried while the old transaction may still commit, and has no row yet",
        "            return None\n        return tx.query(",
        "            pass\n        return tx.query(",
        (f"{CRASHES}::test_nobody_knows_while_the_old_transaction_lives",),
    ),
    Mutation(
        "a deadlock with a unique insert is an error for an operator",
        "outcome.kind is ErrorKind.DEADLOCK:",
        "outcome.kind is None:",
        (f"{CRASHES}::test_a_deadlock_is_tried_once_more",),
    ),
    Mutation(
        "a dry run leaves marks, tombstones or changed jobs",
        "    if request.dry_run or not entries:\n",
        "    if not entries:\n",
        (f"{GUARDS}::test_a_dry_run_leaves_a_row_and_nothing_else",),
    ),
    Mutation(
        "what a refused rescue has written stands all the same",
        '"ROLLBACK TO SAVEPOINT riverkeeper; RELEASE SAVEPOINT riverkeeper"',
        '"RELEASE SAVEPOINT riverkeeper"',
        (f"{GUARDS}::test_a_dry_run_leaves_a_row_and_nothing_else",),
    ),
    Mutation(
        "each pass writes the same dry run down, and calls it one",
        "recorded = records.find_recorded(tx, items) if request.dry_run else ()",
        "recorded = records.find_recorded(tx, items)[:0] if request.dry_run and not items else ()",
        (f"{GUARDS}::test_a_dry_run_leaves_a_row_and_nothing_else",),
    ),
    Mutation(
        "under a default of SERIALIZABLE a rescue fails by what others do",
        "                connection.isolation_level = _LEVELS[read_only]\n",
        "",
        (f"{SESSIONS}::test_the_isolation_is_ours_whatever_the_database_s_default",),
    ),
    Mutation(
        "the host of a dead replica holds the rescue lock for two hours",
        """                    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10s'")\n""",
        "",
        (f"{SESSIONS}::test_writing_is_committed_at_the_end_of_the_block",),
    ),
    Mutation(
        "a replica waits behind an ALTER TABLE, and every session behind the replica",
        '                    connection.execute(as_literal(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"))\n',
        "                    pass\n",
        (f"{SESSIONS}::test_writing_is_committed_at_the_end_of_the_block",),
    ),
    Mutation(
        "prepared statements stay on a pooler's connection, and belong to somebody else then",
        "prepare_threshold=None, ",
        "prepare_threshold=1, ",
        (f"{SESSIONS}::test_nothing_is_left_after_many_scrapes",),
    ),
)
