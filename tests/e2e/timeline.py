"""What the tables and the page showed of a real River worker that was killed, frozen and cut off, second by second.

`bash tests/e2e/tools.sh` once, then `PYTHONPATH=tests python -m e2e.timeline`: prints the tables of docs/heartbeats.md,
in two minutes. The interval is 2 s, the timeout 7 s, the fence 3 s, as in the urgent tier. The rescue is that of the
conformance suite, in the contract's order, at the first look after the timeout.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from conformance.proxy import Proxy
from conformance.rescue import rescue
from e2e.programs import Program
from e2e.river import River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, anew, replica_at_work
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.schema.install import install

TIMEOUT = 7.0  # seconds
LOOKS = (0, 3, 6, 8, 10, 12, 14, 16, 18)
REPAIR_AT = 13  # the frozen process thaws, the network is whole again
BEATS = ("-queues", "default", "-beat", "table", "-interval", "2s")
ROW = """
SELECT
    j.state, j.attempt, h.lost_at IS NOT NULL AS lost, h.outcome,
    extract(epoch FROM now() - h.beat_at)::float AS beat_age,
    extract(epoch FROM now() - h.progress_at)::float AS progress_age
FROM river_job AS j
LEFT JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempt = 1
WHERE j.id = %(job)s
"""
CLAIM = """
SELECT id AS job_id, attempt, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
FROM river_job WHERE state = 'running'
"""
BEATEN = "SELECT 1 FROM riverkeeper.heartbeat WHERE progress_at IS NOT NULL"
LABELS = {"queue": "default", "kind": "steady"}
FENCE = "UPDATE river_job SET scheduled_at = now() + interval '3 s' WHERE id = %s AND state = 'available'"

HEAD = """\
| second | what happens | job | row of attempt 1 | `/metrics` |
|---|---|---|---|---|"""


@dataclass
class RescueEnvironment:
    """A worker with one job that reports its progress each second, a second worker, and a replica."""

    sql: psycopg.Connection[Any]
    replica: RiverkeeperProcess
    worker: Program
    network: Proxy
    claim: dict[str, Any]


@contextlib.contextmanager
def staged(server: Server, name: str) -> Iterator[RescueEnvironment]:
    """Ready when the first worker has beaten and reported progress, and the second waits for a job."""
    river = River(server.database(name))
    river.migrate()
    install(river.url, None, None)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(contextlib.closing(Proxy(river.url)))
        sql = stack.enter_context(psycopg.connect(river.url, autocommit=True))
        near = River(network.url)
        worker = stack.enter_context(fleet_at_work(near, folder, "first", *BEATS)).program
        river.insert(1, "-kinds", "steady", "-queues", "default")
        until(lambda: sql.execute(BEATEN).fetchone(), "the first beat with progress")
        stack.enter_context(fleet_at_work(river, folder, "second", *BEATS))
        replica = stack.enter_context(replica_at_work(river.url, folder, "", *anew(folder)))
        with sql.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            claim = cursor.execute(CLAIM).fetchone()
        assert claim is not None
        yield RescueEnvironment(sql, replica, worker, network, claim)


def play(
    environment: RescueEnvironment, what: str, harm: Callable[[], None], repair: tuple[str, Callable[[], None]] | None
) -> None:
    """Print a row for each look; `repair` is done at REPAIR_AT."""
    began = time.monotonic()
    harm()
    rescued = mended = False
    for second in LOOKS:
        if repair and second > REPAIR_AT and not mended:
            _wait(began + REPAIR_AT)
            repair[1]()
            mended, what = True, f"at {REPAIR_AT} {repair[0]}"
        _wait(began + second)
        if not rescued and rescue(environment.sql, environment.claim, TIMEOUT):
            environment.sql.execute(FENCE, [environment.claim["job_id"]])
            rescued, what = True, "no beat for 7 s: rescued, due again after the fence of 3 s"
        say(f"| {second} | {what} | {_tables(environment)} | {_page(environment.replica)} |")
        what = ""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _wait(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _tables(environment: RescueEnvironment) -> str:
    row = environment.sql.execute(ROW, {"job": environment.claim["job_id"]}).fetchone()
    assert row is not None
    state, attempt, lost, outcome, beat_age, progress_age = row
    marks = "".join(f", {mark}" for mark in ("lost" if lost else None, outcome) if mark)
    return f"{state}, attempt {attempt} | beat {beat_age:.1f} s ago, progress {progress_age:.1f} s{marks}"


def _page(replica: RiverkeeperProcess) -> str:
    page = replica.scrape()
    beating, unknown = (page.value(f"river_jobs_{name}", **LABELS) for name in ("beating", "unknown"))
    clients = page.value("river_beating_clients")
    text = f"beating {beating or 0:.0f}, unknown {unknown or 0:.0f}, clients {clients or 0:.0f}"
    for name in ("heartbeat", "progress"):
        moment = page.value(f"river_job_oldest_{name}_timestamp_seconds", **LABELS)
        if moment is not None:
            text += f", oldest {name} {time.time() - moment:.1f} s"
    return text


def main() -> None:
    with start_postgres() as server:
        for name in ("killed", "frozen", "cut off"):
            say(f"\n### {name.capitalize()}\n\n{HEAD}")
            with staged(server, name.replace(" ", "_")) as environment:
                {"killed": _killed, "frozen": _frozen, "cut off": _cut_off}[name](environment)


def _killed(environment: RescueEnvironment) -> None:
    play(environment, "`kill -9`", environment.worker.kill, None)


def _frozen(environment: RescueEnvironment) -> None:
    with contextlib.ExitStack() as ice:
        thaw = ("SIGCONT: it reads that it lost", ice.close)
        play(environment, "SIGSTOP", lambda: ice.enter_context(environment.worker.frozen()), thaw)


def _cut_off(environment: RescueEnvironment) -> None:
    repair = ("the network is whole again: it reads that it lost", environment.network.restore)
    play(environment, "its network swallows everything", environment.network.drop, repair)


if __name__ == "__main__":
    main()
