"""One shift of a real fleet, with all that goes wrong in one, watched by the exporter until everything rests."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from e2e.river import Connection, Fleet, River, fleet_at_work
from e2e.riverkeeper_process import Labels, Page, RiverkeeperProcess, anew, replica_at_work, riverkeeper
from e2e.truth import COUNTS, SPREADS, STILL, TABLES, VALUES
from fixtures.waiting import until

# A job that ends twice within one ten-second slot is counted once: the ledger's stated limit, not what is tested here.
LONG_DISCARDED = """
SELECT id FROM river_job
WHERE state = 'discarded' AND queue <> 'bulk' AND finalized_at < now() - interval '11 seconds'
ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """The result of a statement: the names of its labels, and by their values a number, or all of a histogram."""

    labels: Labels
    values: dict[Labels, list[Decimal]]

    def single(self) -> dict[Labels, float]:
        return {labels: float(value) for labels, (value,) in self.values.items()}


@dataclass(frozen=True, slots=True)
class Shift:
    """What was seen of it: the pages in order, what SQL gives for the moment of the last, and River's own events."""

    pages: list[Page]
    expected: dict[str, Expected]
    events: list[dict[str, Any]]
    cancelled_waiting: Counter[Labels]  # by a person, so no worker tells of them: (queue, kind, outcome)

    @property
    def page(self) -> Page:
        return self.pages[-1]


def work_a_shift(river: River, folder: Path, programs: contextlib.ExitStack, *, durable: bool) -> Shift:
    """Thousands of jobs of every kind; what finished before the exporter came is not its to count.

    With a keeper schema the exporter is killed in their midst, and another goes on counting.
    """
    work_the_past(river, folder)
    if durable:
        riverkeeper(river, "schema", "install")
    replica = programs.enter_context(replica_at_work(river.url, folder, river.schema, *anew(folder)))
    pages, first = [replica.scrape()], now(river)
    fleets = [programs.enter_context(fleet_at_work(river, folder, client)) for client in ("early", "late")]
    fleets.append(lose_a_worker(river, folder))
    river.insert(3000, "-seed", "7")
    river.insert(3, "-kinds", "endless", "-queues", "mail")
    pages.append(replica.scrape())
    if durable:
        replica.program.kill()
        replica = programs.enter_context(replica_at_work(river.url, folder, river.schema, *anew(folder)))
    waiting = cancel_waiting(river)
    retry_discarded(river, replica)
    pages.append(replica.scrape())
    until(river.rests, "the fleet to rest", 90)
    with fleets[0].program.frozen(), fleets[1].program.frozen():
        frozen_at = now(river)
        page, expected = until(lambda: compared(river, replica, first, frozen_at), "a scrape while nothing moves", 60)
    events = [event for fleet in fleets for event in end(fleet)]
    return Shift([*pages, page], expected, events, waiting)


def work_the_past(river: River, folder: Path) -> None:
    river.insert(300, "-seed", "6", "-kinds", "short,flaky,panicking,cancelling")
    with fleet_at_work(river, folder, "past") as fleet:
        until(river.rests, "the first jobs to end")
        fleet.program.stop()


def lose_a_worker(river: River, folder: Path) -> Fleet:
    """A worker killed with -9 amid jobs that beat and jobs that do not; one row of it would stop River's rescuer."""
    river.insert(12, "-kinds", "hanging,endless", "-queues", "doomed")
    with fleet_at_work(river, folder, "doomed", "-queues", "doomed") as fleet:
        until(lambda: len(running(river, "hanging")) + len(beating(river)) == 12, "the doomed jobs to run and beat")
        fleet.program.kill()
    poison, cancelled = running(river, "hanging")[:2]
    river.rows(
        """UPDATE river_job SET metadata = metadata || '{"river:rescue_count": 1.5}' WHERE id = %(id)s""", id=poison
    )
    river.fleet("cancel", str(cancelled))
    return fleet


def cancel_waiting(river: River) -> Counter[Labels]:
    """Jobs of a paused queue and jobs not yet due, cancelled by an operator."""
    river.fleet("pause", "bulk")
    river.insert(600, "-seed", "8")
    waiting = river.rows(
        "(SELECT id, queue, kind FROM river_job WHERE queue = 'bulk' AND state = 'available' ORDER BY id DESC LIMIT 5)"
        " UNION (SELECT id, queue, kind FROM river_job WHERE kind = 'tomorrow' ORDER BY id LIMIT 2)"
    )
    river.fleet("cancel", *[str(row[0]) for row in waiting])
    return Counter((queue, kind, "cancelled") for _, queue, kind in waiting)


def retry_discarded(river: River, replica: RiverkeeperProcess) -> None:
    """An operator's retry makes a job finish twice. It is counted first: what no step saw, the ledger cannot count."""
    discarded = until(lambda: river.rows(LONG_DISCARDED), "a job that was discarded a while ago")
    asked_at = now(river)
    until(lambda: counted_at(replica.scrape()) > asked_at, "a step of maintenance", 60)
    river.fleet("retry", str(discarded[0][0]))


def running(river: River, kind: str) -> list[int]:
    rows = river.rows("SELECT id FROM river_job WHERE state = 'running' AND kind = %(kind)s ORDER BY id", kind=kind)
    return [row[0] for row in rows]


def beating(river: River) -> list[int]:
    rows = river.rows("SELECT id FROM river_job WHERE state = 'running' AND metadata ? 'health_check_at'")
    return [row[0] for row in rows]


def counted_at(page: Page) -> float:
    """When the finished jobs on a page were counted, by the database's clock."""
    return page.value("riverkeeper_ledger_timestamp_seconds") or 0.0


def compared(
    river: River, replica: RiverkeeperProcess, first: float, since: float
) -> tuple[Page, dict[str, Expected]] | None:
    """A page whose finished jobs were counted after `since`, and what SQL gives for its moment.

    None if something moved between, so that they may differ rightly.
    """
    before = river.rows(STILL)
    page = replica.scrape()
    if counted_at(page) <= since:
        return None
    moment = page.value("riverkeeper_snapshot_timestamp_seconds") or 0.0
    with river.connect() as connection:
        statements = COUNTS | VALUES | SPREADS
        expected = {name: query_expected(connection, TABLES + sql, first, moment) for name, sql in statements.items()}
    return (page, expected) if river.rows(STILL) == before else None


def query_expected(connection: Connection, statement: str, first: float, moment: float) -> Expected:
    cursor = connection.execute(statement.encode(), {"first": first, "moment": moment})
    values: dict[Labels, list[Decimal]] = {}
    for *labels, value in cursor:
        values.setdefault(tuple(labels), []).append(Decimal(value))
    return Expected(tuple(column.name for column in (cursor.description or [])[:-1]), values)


def end(fleet: Fleet) -> list[dict[str, Any]]:
    """Stop a fleet that lives; what it had reported when it ended."""
    if fleet.program.process.poll() is None:
        fleet.program.stop()
    return fleet.finished()


def now(river: River) -> float:
    return float(river.rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])
