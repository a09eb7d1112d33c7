"""Mutations of the ledger of finished jobs: each is counted once, and no counter ever falls."""

from __future__ import annotations

from mutations.mutation import Mutation

FOLD, SCHEDULE, SETTLING = "ledger/test_cells.py", "ledger/test_schedule.py", "ledger/test_update.py"
SQL, REPLICAS, LEDGER_CRASHES = (
    "ledger/test_sql.py",
    "ledger/test_replicas.py",
    "ledger/test_crashes.py",
)

MUTATIONS = (
    Mutation(
        "a slot that is read twice is counted twice",
        "return self._with(other, maximum)",
        "return self._with(other, add)",
        (f"{FOLD}::test_reading_again_changes_nothing", f"{FOLD}::test_every_row_that_was_read_is_counted_once"),
    ),
    Mutation(
        "of two readings of a cell the larger one counts as a whole, and the order decides",
        "return max(left[0], right[0]), max(left[1], right[1])",
        "return max(left, right)",
        (f"{FOLD}::test_what_rose_is_what_the_cells_gained",),
    ),
    Mutation(
        "the jobs that were there before the ledger began are counted at its start",
        "counted = fold(known, (cell for cell in reading.cells if cell[0].slot >= reading.baseline_to))",
        "counted = fold(known, reading.cells)",
        (f"{SETTLING}::test_what_is_there_at_the_start_is_known_not_counted",),
    ),
    Mutation(
        "a row that becomes visible minutes later is never counted",
        "return tuple(NEAR_SECONDS * ratio ** (number / (VISITS - 1)) for number in range(VISITS))",
        "return (NEAR_SECONDS,) * VISITS",
        (f"{SCHEDULE}::test_after_an_outage_every_slot_stays_open_for_a_late_window_of_uptime",),
    ),
    Mutation(
        "rows that waited in workers for the database are never counted",
        "held = number > 0 and now - age < progress.up_since",
        "held = number > VISITS",
        (f"{SCHEDULE}::test_after_an_outage_every_slot_stays_open_for_a_late_window_of_uptime",),
    ),
    Mutation(
        "a slot whose cells were forgotten is read again, and counted anew",
        "begin = max(progress.read_to[number], progress.pruned_to)",
        "begin = progress.read_to[number]",
        (f"{SCHEDULE}::test_at_the_edge_of_what_is_remembered_nothing_below_is_read",),
    ),
    Mutation(
        "the same, by a replica that read before another one forgot",
        "if cell[0].slot >= lowest and cell[0].slot not in moved),",
        "if cell[0].slot not in moved),",
        (f"{SETTLING}::test_slots_that_were_forgotten_meanwhile_are_not_folded",),
        errors=("AssertionError", "KeyError"),
    ),
    Mutation(
        "a replica waits for the one that writes, and shows nothing, or what nobody has committed",
        "        if locked is None or update.is_outdated(state, reading):\n            return before\n",
        "        if update.is_outdated(state, reading):\n            return before\n",
        (f"{REPLICAS}::test_who_cannot_have_the_lock_shows_what_is_committed",),
        errors=("DatabaseError",),
    ),
    Mutation(
        "two replicas write the ledger at the same moment",
        " FOR UPDATE SKIP LOCKED",
        "",
        (
            f"{REPLICAS}::test_who_cannot_have_the_lock_shows_what_is_committed",
            f"{REPLICAS}::test_totals_read_without_the_lock_are_read_again",
        ),
        beside="SELECT l.epoch, l.server",
    ),
    Mutation(
        "a counter falls by a little, and reads as a rise of all of it",
        "if update.has_fallen(self._shown, before) or (self.has_shown and state.progress is None):",
        "if self.has_shown and state.progress is None:",
        (f"{SETTLING}::test_a_counter_that_was_shown_higher_begins_anew",),
    ),
    Mutation(
        "a standby that lost commits counts on where they end",
        "if state.server and reading.server and state.server != reading.server:",
        "if state.server and reading.server and state.server == '':",
        (f"{LEDGER_CRASHES}::test_another_server_begins_a_new_epoch",),
    ),
    Mutation(
        "a count in memory goes on as the kept one, and reads as that many jobs at once",
        "        if self.counted_elsewhere and any(",
        "        if self.counted_elsewhere is None and any(",
        (f"{SETTLING}::test_what_another_ledger_has_shown_is_not_gone_on_from",),
    ),
    Mutation(
        "a cancel while waiting, or a discard, counts as a run of days",
        "CASE WHEN job.state = 'completed' AND abs(job.claimed) < 'Infinity'",
        "CASE WHEN abs(job.claimed) < 'Infinity'",
        (f"{SQL}::test_only_completed_jobs_have_a_run_time",),
    ),
    Mutation(
        "a worker's clock behind the database's makes a run that took less than no time",
        "least(greatest(round((job.ended - job.claimed) * 1e6), 0), 1e13)",
        "least(round((job.ended - job.claimed) * 1e6), 1e13)",
        (f"{SQL}::test_only_completed_jobs_have_a_run_time",),
    ),
    Mutation(
        "one garbage time overflows the sum of all durations",
        "least(greatest(round((job.ended - job.claimed) * 1e6), 0), 1e13)",
        "greatest(round((job.ended - job.claimed) * 1e6), 0)",
        (f"{SQL}::test_garbage_does_not_overflow_a_sum",),
        errors=("DatabaseError", "AssertionError"),
    ),
    Mutation(
        "a scheduled_at that was moved after the claim makes a wait of it",
        "job.due > '-Infinity' AND job.due <= job.claimed AND job.claimed",
        "job.due > '-Infinity' AND job.due < 'Infinity' AND job.claimed",
        (f"{SQL}::test_a_wait_counts_while_scheduled_at_is_of_this_attempt",),
    ),
    Mutation(
        "a row that came where another went is not seen, for the slot has as many as before",
        "1 + (hashint8extended(j.id, (date_part('epoch', j.finalized_at) * 1e6)::bigint) & 1099511627775)",
        "1",
        (f"{SQL}::test_the_mark_of_a_slot_changes_with_its_rows",),
    ),
    Mutation(
        "a replica that divided a flooded slot otherwise counts some of its kinds again",
        "if known.get(slot, NEVER_READ).fingerprint != reading.known_fingerprints[slot]",
        "if not slot",
        ("ledger/test_many_kinds.py::test_random_floods_are_counted_once",),
    ),
)
