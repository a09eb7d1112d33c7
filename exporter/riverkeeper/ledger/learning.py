"""Learns limits now and then from what the ledger has counted."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.learned_limits import first_day, learn_all
from riverkeeper.ledger.store import Store
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.verdict.limits import Learned

LEARN_SECONDS = 300.0  # a limit is made of days: minutes do not matter


@dataclass(slots=True)
class Learner:
    """Remembers what was learnt, by kind."""

    settings: LearnedLimits
    known: Mapping[str, Learned] = field(default_factory=dict)
    _due_at: float = 0.0  # our monotonic clock

    @property
    def is_due(self) -> bool:
        return self.settings.enabled and time.monotonic() >= self._due_at

    def learn(self, tx: Transaction, store: Store, now: float, *, audit: bool) -> Mapping[str, Learned]:
        """Learn anew, at `now` by the database's clock. `audit`: rescues may be read. Raises DatabaseError."""
        self.known = learn_from(tx, store, self.settings, now, audit=audit)
        self._due_at = time.monotonic() + LEARN_SECONDS
        return self.known


def learn_from(
    tx: Transaction, store: Store, settings: LearnedLimits, now: float, *, audit: bool
) -> dict[str, Learned]:
    """What a store's runs teach. Raises DatabaseError."""
    first = first_day(settings, now)
    ended: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in tx.query("ledger/read_censored", {"first": first}) if audit else ():
        ended[row.day][row.kind] = row.runs
    return learn_all(settings, now, store.runs(tx, first), ended)
