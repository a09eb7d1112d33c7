"""Rescues one claim, and kills itself before a statement: `rescue_victim URL JOB ATTEMPTED_AT STATEMENT`."""

from __future__ import annotations

import os
import signal
import sys
from typing import cast

from database.rescue_others import Dying
from database.rescue_scene import staged
from riverkeeper.postgres.connection import Transaction
from riverkeeper.rescue.transaction import rescue


def main(url: str, job_id: str, attempted_at: str, statement: str) -> None:
    claim = {"job_id": int(job_id), "attempt": 1, "attempted_at": attempted_at}
    with staged(url) as scene:
        stuck = scene.found(claim)
        with scene.keeping() as tx:
            dying = Dying(tx, int(statement), lambda: os.kill(os.getpid(), signal.SIGKILL))
            rescue(cast(Transaction, dying), stuck, scene.order())
            dying.query("commit")


if __name__ == "__main__":
    main(*sys.argv[1:])
