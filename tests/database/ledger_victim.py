"""A process that collects once, and kills itself before a statement: `ledger_victim URL NOW STATEMENT`."""

from __future__ import annotations

import os
import signal
import sys
from typing import cast

from database.ledger_replica import SCHEMAS, SECONDS
from database.ledger_world import LATE
from database.test_ledger_crashes import Dying
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.store import KeeperStore
from riverkeeper.postgres.connection import Database, Transaction


def main(url: str, now: str, statement: str) -> None:
    database, ledger = Database(url), Ledger(KeeperStore(), LATE, 1000)
    with database.reading(SECONDS, SCHEMAS) as tx:
        reading = ledger.read(tx, float(now))
    with database.writing(SECONDS, SCHEMAS) as tx:
        dying = Dying(tx, int(statement), lambda: os.kill(os.getpid(), signal.SIGKILL))
        ledger.settle(cast(Transaction, dying), reading, {})
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
