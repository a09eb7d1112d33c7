"""The examples of clients/psql.md do what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from conformance.floor import Event
from conformance.world import CLAIM_AGAIN
from fixtures.contract import age, beat, claims_of, connected
from riverkeeper.demo.postgres import find_binaries

DOCUMENT = Path(__file__).resolve().parents[2] / "clients" / "psql.md"


def psql(url: str, claim: Event) -> str:
    """What psql prints for the beat, once."""
    block = blocks()[0]
    return run(url, claim, block[block.index("WITH process") : block.index("\\watch")] + ";")


def blocks() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def run(url: str, claim: Event, script: str) -> str:
    variables = {**claim, "instance": "00000000-0000-0000-0000-000000000001"}
    flags = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    done = subprocess.run(
        [find_binaries() / "psql", "-XAtq", *flags, "-d", url], input=script, capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return str(done.stdout).strip()


def test_the_beat_of_the_document_beats(installed_url: str) -> None:
    """It holds a running claim and its row is the one the full statement makes; a rescued claim is lost to it."""
    with connected(installed_url) as sql:
        [claim] = claims_of(sql, 1)
        assert psql(installed_url, claim) == "held"
        age(sql)
        assert psql(installed_url, claim) == "held"
        assert beat(sql, [claim]) == {claim["job_id"]: "held"}
        sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now()")
        assert psql(installed_url, claim) == "stop"
        sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now()")

        assert psql(installed_url, claim) == "lost"
        assert sql.execute("SELECT count(*) FROM riverkeeper.heartbeat").fetchone() == {"count": 1}


def test_the_result_of_the_document_is_fenced(installed_url: str) -> None:
    """It completes a running claim and leaves no token behind; under a lost claim it changes nothing."""
    result = blocks()[1]
    with connected(installed_url) as sql:
        ours, lost = claims_of(sql, 2)
        sql.execute(CLAIM_AGAIN, [lost["job_id"]])
        for claim in (ours, lost):
            run(installed_url, claim, result)

        rows = sql.execute("SELECT state::text, metadata FROM river_job ORDER BY id").fetchall()
        assert rows == [{"state": "completed", "metadata": {}}, {"state": "running", "metadata": {}}]
