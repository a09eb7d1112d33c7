"""The set-ups, the fence and the rescue once more on the oldest server at hand: the other tests use the newest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from e2e.programs import tool

ROOT = Path(__file__).parents[2]
FILES = (
    "test_setup_*.py", "test_fence*.py", "test_rescue_races.py", "test_rescue_guards.py", "test_rescue_writes.py",
    "test_heartbeat_races.py", "test_plans.py", "test_reading_equals_sql.py", "test_look.py",
)  # fmt: skip


def oldest() -> Path:
    """The folder of the oldest server's programs: an installed one, or Debian's, which tools.sh has unpacked."""
    installed, unpacked = Path("/usr/lib/postgresql"), tool("postgres") / "usr/lib/postgresql"
    found = [*installed.glob("*/bin/initdb"), *unpacked.glob("*/bin/initdb")]
    return min(found, key=lambda initdb: int(initdb.parents[1].name)).parent


def test_the_oldest_server() -> None:
    """Everything that reads or writes River's table in a way of its own passes there too."""
    files = [str(path) for pattern in FILES for path in sorted((ROOT / "tests" / "database").glob(pattern))]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *files],
        cwd=ROOT,
        env={**os.environ, "RIVERKEEPER_PG_BIN": str(oldest())},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
