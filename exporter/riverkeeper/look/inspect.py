"""Inspects one River for `riverkeeper look`: a scrape for the present, traces in its table for the past."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from riverkeeper.config.load import Config
from riverkeeper.look.present import DueKind, Present, WorkedKind
from riverkeeper.look.report import LookReport, report
from riverkeeper.look.traces import Coverage, JobTrace, OpenClaim, Traces
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.detect import find_river
from riverkeeper.river.failures import failures_of, parse_count, parse_moment
from riverkeeper.river.layout import FINAL_STATES, Layout
from riverkeeper.river.running import read_poison
from riverkeeper.river.services import read_leader
from riverkeeper.schema.grants import name_in_script, select
from riverkeeper.scrape.query_log import QueryLog
from riverkeeper.scrape.reader import Reader, reader_settings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

SECONDS = 20.0  # an operator waits; ten million rows take less than five
SCRAPE_SECONDS = 10.0  # of these, for the present: the rest is left for the past
ELECTION_SECONDS = 6.0  # River's clients try every five seconds, after a resignation or the end of a lease
LEAST_ROWS = 25  # of each queue, however many queues there are
MOST_POISON = 100  # running rows that stop River's rescuer
SCAN_BOUND = 50_000  # rows of each state: half a second on a cold disk
MOST_ROWS = 5_000  # rows of each state with a trace of a problem
MOST_ERRORS = 20  # the newest errors of a job
MOST_BYTES = 65_536  # of a job's errors, as stored: thousands of errors in one job would cost a second
MOST_METADATA = 8_192  # bytes as stored; larger metadata is not read
BOUNDS = {
    "scan_bound": SCAN_BOUND,
    "most_rows": MOST_ROWS,
    "most_errors": MOST_ERRORS,
    "most_bytes": MOST_BYTES,
    "most_metadata": MOST_METADATA,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """Jobs that are read together: of a final state, or of one queue of a live one."""

    state: str
    queue: str | None  # None: a final state, in every queue
    bound: int  # rows to look at
    most: int  # rows with a trace to return


def inspect(config: Config) -> LookReport:
    """The report on River's own tables. Raises DatabaseError where they cannot be read."""
    database = Database(config.conninfo.reveal())
    try:
        _await_leader(database, config.database.river_schema)
        settings = reader_settings(config, with_rescuer=False)
        lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
        began = time.monotonic()
        snapshot = Reader(database, settings, lookup).read(SCRAPE_SECONDS)
        if not snapshot.up or snapshot.now is None:
            raise DatabaseError(ErrorKind.OTHER, snapshot.error or "River's job table cannot be read")
        with database.reading(SECONDS - (time.monotonic() - began)) as tx:
            _, layout = _open(tx, config.database.river_schema)
            queries = QueryLog(tx)
            present = _read_present(queries, layout, snapshot, snapshot.now)
    finally:
        database.close()
    outcomes = [*snapshot.queries, *queries.outcomes]
    return report(present, config, [f"{query.name}: {query.error}" for query in outcomes if query.error])


def _open(tx: Transaction, river_schema: str | None) -> tuple[Row, Layout]:
    """River, and the row of the transaction, whose settings keep the planner on the indexes. Raises DatabaseError."""
    return tx.query("river/open_transaction")[0], find_river(tx, river_schema)


def _refuse_unreadable(tx: Transaction, layout: Layout) -> None:
    """Raises DatabaseError where this login may not read the states of jobs, with the statements that let it.

    Where only other columns are missing, the report names what it could not read.
    """
    unreadable = layout.unreadable()
    login = tx.query("doctor/read_login", {"schema": name_in_script(layout.schema)})[0]
    if login.usable and "state" not in unreadable.get("river_job", ()):
        return
    role = name_in_script(login.login)
    statements = [f"GRANT USAGE ON SCHEMA {name_in_script(layout.schema)} TO {role};"]
    statements += [select(layout.schema, table, columns, role) for table, columns in unreadable.items()]
    message = f'login "{login.login}" may not read River\'s tables in schema "{layout.schema}"'
    fix = "use a login that may, or let the owner of River's tables run:\n    " + "\n    ".join(statements)
    raise DatabaseError(ErrorKind.FORBIDDEN, message, fix)


def _await_leader(database: Database, river_schema: str | None) -> None:
    """Wait until River has a leader, or for as long as an election takes: during an election a leader is not missing.

    Raises DatabaseError where River cannot be found. A leader that cannot be read is for the scrape to report.
    """
    ends = None
    while True:
        with database.reading(SCRAPE_SECONDS) as tx:
            opened, layout = _open(tx, river_schema)
            _refuse_unreadable(tx, layout)
            if opened.standby or not layout.has("river_leader"):
                return
            try:
                leader = read_leader(tx)
            except DatabaseError:
                return
        now = opened.now
        if ends is None:
            ends = (leader.expires_at if leader else now) + ELECTION_SECONDS
        if now >= ends or (leader and leader.expires_at > now):
            return
        time.sleep(min(1.0, ends - now))


def _read_present(queries: QueryLog, layout: Layout, snapshot: Snapshot, now: float) -> Present:
    parameters = {"states": _final_states(layout), "scan_bound": SCAN_BOUND}
    ended = queries.run("ended", lambda: queries.tx.query("look/read_ended", parameters))
    traces = read_traces(queries, layout, snapshot, ended)
    any_poison = snapshot.running is not None and snapshot.running.poison > 0
    poison = queries.run("poison", lambda: read_poison(queries.tx, MOST_POISON)) if any_poison else ()
    return Present(
        snapshot=snapshot,
        traces=traces,
        due=tuple(queries.run("due_kinds", lambda: read_due_kinds(queries.tx, snapshot)) or ()),
        worked=tuple(
            WorkedKind(row.queue, row.kind, row.last_claim, row.longest, row.shortest, row.first_attempts)
            for row in ended or ()
            if row.last_claim is not None
        ),
        now=now,
        poison=poison or (),
    )


def read_due_kinds(tx: Transaction, snapshot: Snapshot) -> list[DueKind]:
    """Kinds of the due jobs that were read: the first ones of each queue and priority. Raises DatabaseError."""
    parts = [part for part in snapshot.partitions or () if part.state == "available" and part.due]
    if not parts:
        return []
    bound = _share(SCAN_BOUND, len(parts))
    rows = tx.query(
        "look/read_due_kinds",
        {
            "queues": [part.queue for part in parts],
            "priorities": [part.priority for part in parts],
            "scan_bound": bound,
        },
    )
    long = {part.queue for part in parts if part.due > bound}
    return [
        DueKind(row.queue, row.kind, row.jobs, row.first_at, tuple(row.ids), complete=row.queue not in long)
        for row in rows
    ]


def _share(total: int, parts: int) -> int:
    """Rows for each of this many parts, together about `total`."""
    return max(LEAST_ROWS, total // max(parts, 1))


def read_traces(queries: QueryLog, layout: Layout, snapshot: Snapshot, ended: list[Row] | None) -> Traces:
    """The traces of problems that River's table still has; parts that cannot be read are in the outcomes."""
    parts = _parts_of(layout, snapshot)
    jobs = queries.run("traces", lambda: queries.tx.query("look/read_traces", _parameters(parts))) or []
    running = queries.run("claims", lambda: queries.tx.query("look/read_claims", BOUNDS)) or []
    found = Counter((row.state, None if row.ended_at is not None else row.queue) for row in jobs)
    cut = {part.state for part in parts if found[part.state, part.queue] >= part.most}
    return Traces(
        jobs=tuple(map(_trace_of, jobs)),
        running=tuple(_claim_of(row) for row in running if row.attempted_at is not None),
        every_claim=len(running) < MOST_ROWS,
        coverage=(
            *(_coverage_of_ended(layout, ended, cut) if ended is not None else ()),
            *_coverage_of_live(layout, parts, cut, snapshot),
        ),
    )


def _coverage_of_ended(layout: Layout, ended: Sequence[Row], cut: Collection[str]) -> Iterator[Coverage]:
    for state in _final_states(layout):
        rows = [row for row in ended if row.state == state]
        jobs = sum(row.jobs for row in rows)
        yield Coverage(
            state,
            jobs,
            first_at=min((row.first_at for row in rows), default=None),
            last_at=max((row.last_at for row in rows), default=None),
            complete=jobs < SCAN_BOUND,
            every_trace=state not in cut,
        )


def _parts_of(layout: Layout, snapshot: Snapshot) -> list[_Part]:
    """Each final state, and each queue of a live one, with their bounds."""
    live = {(part.state, part.queue) for part in snapshot.partitions or ()}
    live |= {("running", pair.queue) for pair in (snapshot.running.pairs if snapshot.running else ())}
    queues = Counter(state for state, _ in live)
    return [
        *(_Part(state, None, SCAN_BOUND, MOST_ROWS) for state in _final_states(layout)),
        *(
            _Part(state, queue, _share(SCAN_BOUND, queues[state]), _share(MOST_ROWS, queues[state]))
            for state, queue in sorted(live)
        ),
    ]


def _parameters(parts: Sequence[_Part]) -> dict[str, object]:
    return {
        "states": [part.state for part in parts],
        "queues": [part.queue for part in parts],
        "bounds": [part.bound for part in parts],
        "mosts": [part.most for part in parts],
        **BOUNDS,
    }


def _coverage_of_live(
    layout: Layout, parts: Sequence[_Part], cut: Collection[str], snapshot: Snapshot
) -> Iterator[Coverage]:
    """How much of each live state was read; nothing where its jobs could not be counted."""
    jobs: Counter[tuple[str, str]] = Counter()
    for waiting in snapshot.partitions or ():
        jobs[waiting.state, waiting.queue] += waiting.jobs
    for pair in snapshot.running.pairs if snapshot.running else ():
        jobs["running", pair.queue] += pair.jobs
    for state in layout.live_states:
        bounds = {part.queue: part.bound for part in parts if part.state == state and part.queue is not None}
        counts = {queue: jobs[state, queue] for queue in bounds}
        if bounds:
            yield Coverage(
                state, sum(min(counts[queue], bounds[queue]) for queue in bounds), None, None,
                complete=all(counts[queue] <= bounds[queue] for queue in bounds), final=False,
                every_trace=state not in cut,
            )  # fmt: skip


def _final_states(layout: Layout) -> list[str]:
    return [state for state in FINAL_STATES if state in layout.states]


def _trace_of(row: Row) -> JobTrace:
    return JobTrace(
        row.id, row.queue, row.kind, row.state, row.attempt, row.max_attempts, row.attempted_at, row.ended_at,
        clients=tuple(row.clients or ()),
        failures=failures_of(row.errors),
        failure_count=row.failures,
        rescues=parse_count(row.rescues),
        snoozes=parse_count(row.snoozes),
        conflict=row.conflict is not None,
        priority=row.priority,
        created_at=row.created_at,
    )  # fmt: skip


def _claim_of(row: Row) -> OpenClaim:
    return OpenClaim(row.id, row.queue, row.kind, row.attempted_at, parse_moment(row.cancel_at), row.client_id)
