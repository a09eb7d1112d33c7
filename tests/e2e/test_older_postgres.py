"""The set-ups, the fence and the rescue once more on the oldest server at hand: the other tests use the newest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from e2e.programs import tool

ROOT = Path(__file__).parents[2]
FILES = (
    "cli/test_encodings.py", "cli/test_schemas.py", "doctor/test_fence.py", "doctor/test_grants.py",
    "doctor/test_rights.py", "doctor/test_standby.py", "heartbeat/test_races.py", "look/test_inspect.py",
    "postgres/test_connection_count.py", "postgres/test_encodings.py", "postgres/test_session_settings.py",
    "rescue/test_guards.py", "rescue/test_races.py", "rescue/test_writes.py", "river/test_plans.py",
    "river/test_tables.py", "schema/test_fence*.py", "scrape/test_equals_sql.py",
)  # fmt: skip


def oldest() -> Path:
    """The folder of the oldest server's programs: an installed one, or Debian's, which tools.sh has unpacked."""
    installed, unpacked = Path("/usr/lib/postgresql"), tool("postgres") / "usr/lib/postgresql"
    found = [*installed.glob("*/bin/initdb"), *unpacked.glob("*/bin/initdb")]
    return min(found, key=lambda initdb: int(initdb.parents[1].name)).parent


def test_the_oldest_server() -> None:
    """Everything that reads or writes River's table in a way of its own passes there too."""
    files = [str(path) for pattern in FILES for path in sorted((ROOT / "tests").glob(pattern))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        ["nice", sys.executable, "-m", "pytest", "-q", "-n", "2", *files],
        cwd=ROOT,
        env=environment | {"RIVERKEEPER_PG_BIN": str(oldest())},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
