"""The ledger of finished jobs: reads the slots that changed, and adds what is new in them to the totals, once."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass

import structlog

from riverkeeper.ledger import schedule, update
from riverkeeper.ledger.cells import SLOT_SECONDS
from riverkeeper.ledger.changed_slots import Look
from riverkeeper.ledger.names import Pair
from riverkeeper.ledger.schedule import Progress, slot_of
from riverkeeper.ledger.state import NO_TOTALS, Reading, State, Totals
from riverkeeper.ledger.store import Store
from riverkeeper.ledger.update import Live
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction

log = structlog.get_logger()

BACKLOG_SECONDS = 0.25  # of reading in one collection, beyond what is due anyway, while slots are behind
FIRST_SECONDS = 3.0  # for the one long reading of a first start; a shop too busy for it looks back less
FIRST_SHORT_SECONDS = 120.0
LEAST_TOLD = 1_000  # pairs of queue and kind told apart at a time, however few have series of their own
SEED_ROWS = 10_000  # finished rows of each state looked back over at the first start, for "last finished" only


@dataclass(slots=True)
class Ledger:
    """One collection is `read` in a reading transaction, then `settle` in a writing one that commits."""

    store: Store
    late_window: float  # seconds
    max_pairs: int
    counted_elsewhere: bool = False  # this process has shown counts of another ledger: these must not go on from there
    _shown: Totals = NO_TOTALS

    def read(self, tx: Transaction, now: float) -> Reading:
        """Read the slots whose turn it is. Raises DatabaseError."""
        known, server = self.store.peek(tx).progress, _server(tx)
        if known is None or schedule.out_of_reach(known, now):
            return self._begin(tx, now, known, server)
        progress, look = schedule.arrived(known, now, self.late_window), self._look(tx)
        late_before = progress.read_to[0]
        slots, progress = schedule.open_keeper(progress, now, self.late_window, schedule.enough(progress, now))
        look.at({*schedule.near(progress, now), *slots})
        ends = time.monotonic() + BACKLOG_SECONDS
        while time.monotonic() < ends:
            slots, progress = schedule.open_keeper(progress, now, self.late_window, schedule.BATCH_SLOTS)
            if not slots:
                break
            look.at(slots)
        progress = schedule.collected(progress, now)
        return Reading(
            now, known, progress, *look.seen, known_before=0, late_before=late_before, server=server, seeds={}
        )

    def settle(self, tx: Transaction, reading: Reading, live: Live) -> Totals:
        """Fold a reading and return the totals, true once the transaction has committed. Raises DatabaseError."""
        locked = self.store.lock(tx)
        state = locked or self.store.peek(tx)
        before = self._committed(tx, state, locked=locked is not None)
        why = self._why_new_epoch(state, reading, before)
        if locked is None and why:
            raise DatabaseError(
                ErrorKind.LOCKED, "another replica writes the ledger just when counters must begin anew"
            )
        if locked is None or update.outdated(state, reading):
            return before
        lowest = update.floor(state, reading)
        reading = update.current(reading, self.store.marks(tx, reading.marks), lowest)
        known = self.store.cells(tx, reading.marks)
        epoch = max(state.epoch, self._shown.epoch) + 1 if why else state.epoch
        changes = update.changes(state, before, known, reading, live, self.max_pairs, epoch, _stamp())
        self.store.save(tx, before.names, changes)
        _say(reading, why, changes.state.epoch)
        return update.after(before, changes)

    def read_committed(self, tx: Transaction) -> Totals:
        """The totals as others have committed them; writes nothing. Raises DatabaseError."""
        return self._committed(tx, self.store.peek(tx), locked=False)

    @property
    def has_shown(self) -> bool:
        """Whether any totals were exported by this process."""
        return self._shown is not NO_TOTALS

    def exported(self, totals: Totals) -> None:
        """Remember what was shown, after the commit: it may never fall within an epoch."""
        if self.has_shown and self._shown.epoch != totals.epoch:
            log.warning("counters of finished jobs began again at 0", epoch=totals.epoch)
        self._shown, self.counted_elsewhere = totals, False

    def _committed(self, tx: Transaction, state: State, *, locked: bool) -> Totals:
        """The totals in the store; what we have shown ourselves if nobody has written since."""
        if self._shown.stamp == state.stamp:
            return self._shown
        # Without the lock its holder may commit between our statements: no stamp but ours, so that we read again.
        stamp = state.stamp if locked else _stamp()
        return Totals(self.store.totals(tx), self.store.names(tx), state.epoch, state.late_rows, stamp)

    def _begin(self, tx: Transaction, now: float, known: Progress | None, server: str | None) -> Reading:
        """What is there already is known, not counted; but slots that we still remember are counted on."""
        look, look_back, end = self._look(tx), self.late_window, slot_of(now + schedule.FUTURE_SECONDS)
        try:
            look.at(range(slot_of(now - look_back), end), FIRST_SECONDS)
        except DatabaseError:
            look, look_back = self._look(tx), min(FIRST_SHORT_SECONDS, look_back)
            look.at(range(slot_of(now - look_back), end))
        seeds: dict[Pair, float] = {}
        with contextlib.suppress(DatabaseError):  # worth having, not worth failing for
            until = {"bound": SEED_ROWS, "until": end * SLOT_SECONDS}
            seeds = {(row.queue, row.kind): row.last for row in tx.query("ledger/read_last_finished", until)}
        progress = schedule.start(now, self.late_window, look_back)
        known_before = known.pruned_to if known else end
        return Reading(now, known, progress, *look.seen, known_before, late_before=0, server=server, seeds=seeds)

    def _look(self, tx: Transaction) -> Look:
        """Where every name is taken, those who have one are told apart first."""
        pairs = self._shown.names.pairs if self.has_shown else self.store.names(tx).pairs
        named = pairs if len(pairs) >= self.max_pairs else ()
        return Look(tx, self.store, named, max(2 * self.max_pairs, LEAST_TOLD))

    def _why_new_epoch(self, state: State, reading: Reading, before: Totals) -> str | None:
        """Why the totals cannot go on where they were; None when they can."""
        if state.server and reading.server and state.server != reading.server:
            return "the database failed over to another server or timeline, and may have lost commits"
        if update.fell(self._shown, before) or (self.has_shown and state.progress is None):
            return "the database has forgotten counts that were already shown"
        if self.counted_elsewhere and any(tally.jobs for tally in before.series.values()):
            return "this process has counted in memory until now"
        return None


def _stamp() -> int:
    return secrets.randbits(63)


def _server(tx: Transaction) -> str | None:
    """System identifier and timeline; None on a standby, and where the functions are not to be had."""
    with contextlib.suppress(DatabaseError):
        row = tx.query("river/read_identity")[0]
        return f"{row.system}/{row.timeline}"
    return None


def _say(reading: Reading, why_new_epoch: str | None, epoch: int) -> None:
    if reading.known_before and reading.begun_from is None:
        log.info("ledger counts finished jobs from now on; what finished before is not in the counters")
    elif reading.known_before:
        log.warning("ledger looks around anew: the database's clock went back further than it remembers")
    if why_new_epoch:
        log.warning("ledger starts a new epoch: counters begin at 0", reason=why_new_epoch, epoch=epoch)
