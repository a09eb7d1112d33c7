"""The ledger of finished jobs: reads the slots that changed, and adds what is new in them to the totals, once.

One step has two parts. `read` runs in a reading transaction: it reads the slots that are due, and for each slot whose
fingerprint has changed, the finished jobs in it. `settle` runs in a writing transaction under the ledger's lock: it
folds the reading into what is known, and returns the totals, which are true once the transaction has committed.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import structlog

from riverkeeper.ledger import attempts, schedule, update
from riverkeeper.ledger.attempts import NO_RESUMES, AttemptReading, AttemptRow, LostWork
from riverkeeper.ledger.counts import EDGES_MICROS, SLOT_SECONDS, CellKey, Tally
from riverkeeper.ledger.names import Pair
from riverkeeper.ledger.schedule import ReadProgress, slot_of
from riverkeeper.ledger.store import Store, attempt_from_row, cell_from_row
from riverkeeper.ledger.update import NEVER_READ, NO_TOTALS, LedgerReading, LedgerState, Live, Totals
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.bounds import MAX_PARTITIONS, METADATA_LARGE
from riverkeeper.verdict.client_ids import OWN_CLOCK_IDS

log = structlog.get_logger()

BACKLOG_SECONDS = 0.25  # of reading in one step, beyond the slots that are due, while there is a backlog
FIRST_SECONDS = 3.0  # for the one long reading of a first start; a database too busy for it looks back less
FIRST_SHORT_SECONDS = 120.0
LEAST_PAIRS = 1_000  # pairs of queue and kind that keep a cell of their own, however few have a name
INITIAL_ROWS = 10_000  # finished rows of each state that a first start looks back over, for "last finished" only
Cells = list[tuple[CellKey, Tally]]


@dataclass(slots=True)
class Ledger:
    """The ledger of one process: in the keeper schema, which all replicas share, or in memory."""

    store: Store
    late_window: float  # seconds
    max_pairs: int
    counted_elsewhere: bool = False  # this process has shown counts of another ledger: these must not go on from there
    _shown: Totals = NO_TOTALS

    def read(self, tx: Transaction, now: float) -> LedgerReading:
        """Read the slots that are due at `now`, the database's clock. Raises DatabaseError."""
        known, server = self.store.peek(tx).progress, _read_server(tx)
        if known is None or schedule.is_out_of_reach(known, now):
            return self._begin(tx, now, known, server)
        progress, reader = schedule.begin_step(known, now, self.late_window), self._reader(tx)
        late_before = progress.read_to[0]
        most = schedule.batch_size(progress, now)
        slots, progress = schedule.take_due_slots(progress, now, self.late_window, most)
        reader.read({*schedule.recent_slots(progress, now), *slots})
        ends = time.monotonic() + BACKLOG_SECONDS
        while time.monotonic() < ends:
            slots, progress = schedule.take_due_slots(progress, now, self.late_window, schedule.BATCH_SLOTS)
            if not slots:
                break
            reader.read(slots)
        progress = schedule.end_step(progress, now)
        counted, progress = self._read_attempts(tx, now, progress, reader.fingerprints)
        return reader.reading(now, known, progress, server, late_before=late_before, attempts=counted)

    def settle(self, tx: Transaction, reading: LedgerReading, live: Live) -> Totals:
        """Fold a reading and return the totals, true once the transaction has committed. Raises DatabaseError."""
        locked = self.store.lock(tx)
        state = locked or self.store.peek(tx)
        before = self._read_totals(tx, state, locked=locked is not None)
        why = self._why_new_epoch(state, reading, before)
        if locked is None and why:
            raise DatabaseError(ErrorKind.LOCKED, "another replica writes the ledger while counters must begin anew")
        if locked is None or update.is_outdated(state, reading):
            return before
        lowest = update.lowest_slot(state, reading)
        reading = update.drop_stale_slots(reading, self.store.slots(tx, reading.fingerprints), lowest)
        known = self.store.cells(tx, reading.fingerprints)
        epoch = max(state.epoch, self._shown.epoch) + 1 if why else state.epoch
        jobs = self.store.counted_jobs(tx, attempts.job_ids(reading.attempts))
        resumes = self.store.count_resumes(tx) if self.store.counts_work else NO_RESUMES
        changes = update.compute_changes(
            state, before, known, reading, live, self.max_pairs, epoch, _new_stamp(), jobs,
            NO_RESUMES if reading.baseline_to else resumes,  # what came before the ledger is known, not counted
        )  # fmt: skip
        self.store.save(tx, before.names, changes)
        _log_beginnings(reading, why, changes.state.epoch)
        return update.totals_after(before, changes)

    def read_committed(self, tx: Transaction) -> Totals:
        """The totals as others have committed them; writes nothing. Raises DatabaseError."""
        return self._read_totals(tx, self.store.peek(tx), locked=False)

    @property
    def has_shown(self) -> bool:
        """Whether this process has exported any totals."""
        return self._shown is not NO_TOTALS

    def remember_shown(self, totals: Totals) -> None:
        """Remember what is exported, after the commit: within an epoch no counter of it may fall."""
        if self.has_shown and self._shown.epoch != totals.epoch:
            log.warning("counters of finished jobs began again at 0", epoch=totals.epoch)
        self._shown, self.counted_elsewhere = totals, False

    def _read_totals(self, tx: Transaction, state: LedgerState, *, locked: bool) -> Totals:
        """The totals in the store; those that this process has exported if nobody has written since."""
        if self._shown.stamp == state.stamp:
            return replace(self._shown, counts_work=self.store.counts_work)
        # Without the lock, its holder may commit between two statements: a new stamp makes the next step read again.
        stamp = state.stamp if locked else _new_stamp()
        return Totals(
            self.store.totals(tx), self.store.names(tx), state.epoch, state.late_rows, stamp,
            counts_attempts=update.counts_attempts(state), counts_work=self.store.counts_work,
        )  # fmt: skip

    def _begin(self, tx: Transaction, now: float, known: ReadProgress | None, server: str | None) -> LedgerReading:
        """Rows that are there already are known, not counted; slots that the ledger still remembers are counted on."""
        reader, look_back, end = self._reader(tx), self.late_window, slot_of(now + schedule.FUTURE_SECONDS)
        try:
            reader.read(range(slot_of(now - look_back), end), FIRST_SECONDS)
        except DatabaseError:
            reader, look_back = self._reader(tx), min(FIRST_SHORT_SECONDS, look_back)
            reader.read(range(slot_of(now - look_back), end))
        initial: dict[Pair, float] = {}
        with contextlib.suppress(DatabaseError):  # worth having, not worth failing for
            until = {"bound": INITIAL_ROWS, "until": end * SLOT_SECONDS}
            initial = {(row.queue, row.kind): row.last for row in tx.query("ledger/read_last_finished", until)}
        progress = schedule.start(now, self.late_window, look_back)
        baseline_to = known.pruned_to if known else end
        counted, progress = self._read_attempts(tx, now, progress, ())
        return reader.reading(
            now, known, progress, server, baseline_to=baseline_to, initial_values=initial, attempts=counted
        )

    def _read_attempts(
        self, tx: Transaction, now: float, progress: ReadProgress, slots: Iterable[int]
    ) -> tuple[AttemptReading | None, ReadProgress]:
        """Attempts that ended: of the finished jobs in `slots`, and of live jobs. The first time counts from now on."""
        if not self.store.counts_attempts:
            return None, replace(progress, attempts_since=None)
        since = now if progress.attempts_since is None else progress.attempts_since
        rows = _query_attempts(tx, slots, since, now, self.late_window, self.store)
        lost = _query_lost_work(tx, rows) if self.store.counts_work else {}
        after = attempts.next_since(since, progress, now, self.late_window)
        return AttemptReading(tuple(rows), since, lost), replace(progress, attempts_since=after)

    def _reader(self, tx: Transaction) -> SlotReader:
        """Where every name is taken, the pairs that have one keep cells of their own first."""
        pairs = self._shown.names.pairs if self.has_shown else self.store.names(tx).pairs
        named = pairs if len(pairs) >= self.max_pairs else ()
        return SlotReader(tx, self.store, named, max(2 * self.max_pairs, LEAST_PAIRS))

    def _why_new_epoch(self, state: LedgerState, reading: LedgerReading, before: Totals) -> str | None:
        """Why the totals cannot go on where they were; None when they can."""
        if state.server and reading.server and state.server != reading.server:
            return "the database failed over to another server or timeline, and may have lost commits"
        if update.has_fallen(self._shown, before) or (self.has_shown and state.progress is None):
            return "the database has lost counts that were already shown"
        if self.counted_elsewhere and any(tally.jobs for tally in before.series.values()):
            return "this process has counted in memory until now"
        return None


@dataclass(slots=True)
class SlotReader:
    """Reads slots in one transaction. `most` pairs of queue and kind have cells of their own, `named` ones first."""

    tx: Transaction
    store: Store
    named: Collection[Pair]
    most: int
    fingerprints: dict[int, int] = field(default_factory=dict)  # of the slots that changed
    known_fingerprints: dict[int, int] = field(default_factory=dict)  # of the same slots, before
    cells: Cells = field(default_factory=list)

    def read(self, slots: Iterable[int], seconds: float | None = None) -> None:
        """Read those of the slots in which anything changed. Raises DatabaseError."""
        unread = [slot for slot in slots if slot not in self.fingerprints]
        rows = self.tx.query("ledger/read_fingerprints", {"slots": unread}, seconds)
        known = self.store.slots(self.tx, unread)
        changed = {row.slot: row.mark for row in rows if row.mark != known.get(row.slot, NEVER_READ).fingerprint}
        if changed:
            closed = [slot for slot in changed if slot in known and known[slot].closed]
            self.cells += self._read_cells(changed, closed, [slot for slot in changed if slot in known], seconds)
        self.fingerprints |= changed
        self.known_fingerprints |= {slot: known.get(slot, NEVER_READ).fingerprint for slot in changed}

    def reading(
        self,
        now: float,
        begun_from: ReadProgress | None,
        progress: ReadProgress,
        server: str | None,
        *,
        baseline_to: int = 0,
        late_before: int = 0,
        initial_values: dict[Pair, float] | None = None,
        attempts: AttemptReading | None = None,
    ) -> LedgerReading:
        """All that was read."""
        return LedgerReading(
            now,
            begun_from,
            progress,
            self.fingerprints,
            self.known_fingerprints,
            tuple(self.cells),
            baseline_to,
            late_before,
            server,
            initial_values or {},
            attempts,
        )

    def _read_cells(self, slots: Collection[int], closed: list[int], known: list[int], seconds: float | None) -> Cells:
        """A kind that has a cell of its own in a slot keeps it: in the rest it would be counted once more."""
        cells = self._query_cells(slots, closed, closed, seconds)
        closing = {key.slot for key, _ in cells if key.series.is_rest}
        return self._query_cells(slots, closed, known, seconds) if closing & {*known} - {*closed} else cells

    def _query_cells(self, slots: Collection[int], closed: list[int], known: list[int], seconds: float | None) -> Cells:
        keys = self.store.cells(self.tx, known) if known else ()
        own = {
            (slot, series.queue, series.kind) for slot, series in keys if series.measure == "run" and not series.is_rest
        }
        parameters = finished_parameters(slots, self.most, self.named, closed, own)
        return [cell_from_row(row) for row in self.tx.query("ledger/read_finished", parameters, seconds)]


def finished_parameters(
    slots: Collection[int],
    most: int,
    named: Collection[Pair] = (),
    closed: Collection[int] = (),
    own: Collection[tuple[int, str, str]] = (),
) -> dict[str, object]:
    """The parameters of read_finished; `own` is slot, queue and kind of each pair that has a cell."""
    return {
        "slots": list(slots),
        "edges": list(EDGES_MICROS),
        "most": most,
        "kept_queues": [queue for queue, _ in named],
        "kept_kinds": [kind for _, kind in named],
        "closed": list(closed),
        "own_slots": [slot for slot, _, _ in own],
        "own_queues": [queue for _, queue, _ in own],
        "own_kinds": [kind for _, _, kind in own],
        "own_clock_ids": OWN_CLOCK_IDS,
    }


def _query_attempts(
    tx: Transaction, slots: Iterable[int], since: float, now: float, late_window: float, store: Store
) -> list[AttemptRow]:
    places = tx.query("river/read_partitions", {"states": list(attempts.BUDGETS), "max_partitions": MAX_PARTITIONS})
    parameters = attempt_parameters(
        [(row.state, row.queue, row.priority) for row in places],
        slots,
        since=since,
        refresh=max(since, now - attempts.keep_seconds(late_window) / 2),
    )
    without = () if store.durable else ("keeper.ledger_attempt",)
    rows = [attempt_from_row(row) for row in tx.query("ledger/read_attempts", parameters, without=without)]
    if len(rows) >= attempts.MOST_ROWS:
        log.warning("more attempts ended than one step of the ledger counts", most=attempts.MOST_ROWS)
    return rows


def _query_lost_work(tx: Transaction, rows: Collection[AttemptRow]) -> LostWork:
    """What the ended attempts of these jobs lost; no statement where none has ended."""
    job_ids = [row.job_id for row in rows if row.failures]
    if not job_ids:
        return {}
    found = tx.query("ledger/read_lost_work", {"job_ids": job_ids, "own_clock_ids": OWN_CLOCK_IDS})
    return {(row.job_id, row.attempt): row.micros for row in found}


def attempt_parameters(
    places: Collection[tuple[str, str, int]], slots: Iterable[int], *, since: float, refresh: float
) -> dict[str, object]:
    """The parameters of read_attempts; `places` are states, queues and priorities."""
    return {
        "states": [state for state, _, _ in places],
        "queues": [queue for _, queue, _ in places],
        "priorities": [priority for _, _, priority in places],
        "slots": list(slots),
        "bounds": attempts.live_bounds([state for state, _, _ in places]),
        "since": since,
        "refresh": refresh,
        "most_rows": attempts.MOST_ROWS,
        "most_bytes": attempts.ERROR_BYTES,
        "most_errors": attempts.MOST_ERRORS,
        "most_metadata": METADATA_LARGE,
    }


def _new_stamp() -> int:
    return secrets.randbits(63)


def _read_server(tx: Transaction) -> str | None:
    """System identifier and timeline; None on a standby, and where this login may not read them."""
    with contextlib.suppress(DatabaseError):
        row = tx.query("river/read_identity")[0]
        return f"{row.system}/{row.timeline}"
    return None


def _log_beginnings(reading: LedgerReading, why_new_epoch: str | None, epoch: int) -> None:
    if reading.baseline_to and reading.begun_from is None:
        log.info("ledger counts finished jobs from now on; jobs that finished before are not counted")
    elif reading.baseline_to:
        log.warning("ledger starts again: the database's clock went back further than the ledger remembers")
    if why_new_epoch:
        log.warning("ledger starts a new epoch: counters begin at 0", reason=why_new_epoch, epoch=epoch)
