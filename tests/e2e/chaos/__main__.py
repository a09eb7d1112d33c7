"""Riverkeeper under random faults, with real River workers: `make chaos ARGS="--seconds 600 --seed 7"`.

Prints a table, and exits with 1 where a promise was broken, naming what happened to the job.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from e2e.chaos.invariants import check
from e2e.chaos.plan import Plan, carry_out
from e2e.chaos.record import load
from e2e.chaos.report import text


def main() -> int:
    """Exit code 1 where a promise was broken."""
    asked = argparse.ArgumentParser(prog="make chaos", description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--seconds", type=float, default=60.0, help="how long faults happen; then all is made whole")
    asked.add_argument("--seed", type=int, default=1, help="the same seed draws the same faults and jobs")
    asked.add_argument("--without-fence", action="store_true", help="take the fence out: late results must be found")
    asked.add_argument("--keep", type=Path, help="a folder for journals, logs and the record")
    asked.add_argument("--again", type=Path, help="only check the record of an earlier run once more")
    given = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    with tempfile.TemporaryDirectory(prefix="riverkeeper-chaos-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(given.seed, given.seconds, fenced=not given.without_fence)
        record = load(given.again) if given.again else carry_out(plan, folder)
    findings = check(record)
    sys.stdout.write(f"{text(record, findings)}\n")
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
