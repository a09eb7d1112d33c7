"""The queues and kinds that exist. A filter by another name finds nothing, which must not look like an all-clear."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.layout import Layout
from riverkeeper.river.services import read_queues

MOST_NAMES = 200  # of kinds, and of queues in each state: nobody reads a longer list


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names of the jobs in the table, and the queues of river_queue."""

    queues: frozenset[str]
    kinds: frozenset[str]


def read_known_names(tx: Transaction, layout: Layout, queue: str | None, kind: str | None) -> KnownNames:
    """The first MOST_NAMES names, and the given ones where they exist. Raises DatabaseError."""
    tx.query("river/open_transaction")  # its planner switches: no statement reads all of River's table
    values = {"queue": queue, "kind": kind, "states": list(layout.states), "most": MOST_NAMES}
    rows = tx.find("river/read_names", values) or tx.query("river/read_names", values | {"queue": None, "kind": None})
    rows_of_queues = read_queues(tx) if layout.has("river_queue") else ()
    return KnownNames(
        queues=frozenset(row.name for row in rows if row.what == "queue") | {each.name for each in rows_of_queues},
        kinds=frozenset(row.name for row in rows if row.what == "kind"),
    )
