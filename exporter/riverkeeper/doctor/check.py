"""Examines a database, its River and its keeper schema for `riverkeeper check`. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.brakes.control import Status, read_status
from riverkeeper.brakes.heartbeat_path import patience
from riverkeeper.config.load import Config
from riverkeeper.doctor import findings
from riverkeeper.doctor.findings import TableUpkeep
from riverkeeper.doctor.report import CheckFinding, CheckReport, problem
from riverkeeper.doctor.rights import Login, read_login, read_rights
from riverkeeper.postgres.connection import begin_transaction
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.postgres.urls import read_url
from riverkeeper.rescue.manual import path_verified_since
from riverkeeper.river.facts import Running
from riverkeeper.river.layout import Layout
from riverkeeper.river.running import read_poison, read_running
from riverkeeper.river.services import read_leader, read_migrations, read_queues, read_tables
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.grants import RESCUER, least_role
from riverkeeper.schema.layout import FENCE_VERSION, RESCUE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import Schemas, find_schemas, inspect_keeper
from riverkeeper.schema.sweep import HeartbeatSummary, read_heartbeats
from riverkeeper.scrape.query_log import QueryLog
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader
from riverkeeper.verdict.suspects import Suspects

SECONDS = 20.0  # an operator waits; a job table without its index takes some of the time
SHOWN = 20  # poison jobs by id
_TOPICS = {ErrorKind.NO_RIVER: "river", ErrorKind.ROW_SECURITY: "rights"}


def examine(config: Config) -> CheckReport:
    """Everything that can be found out about the configured database. Never raises DatabaseError."""
    found: list[CheckFinding] = []
    try:
        url = config.conninfo.reveal()
        found += findings.on_ignored_parameters(read_url(url).ignored)
        with begin_transaction(url, SECONDS) as tx:
            for finding in _examine(tx, config):
                found.append(finding)  # one by one, so that a failure keeps the findings before it
    except DatabaseError as error:
        found.append(problem(_TOPICS.get(error.kind, "database"), error.message, error.fix))
        return CheckReport(tuple(found), misconfigured=error.is_wrong_use)
    return CheckReport(tuple(found))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is examined, and by which login."""

    config: Config
    queries: QueryLog
    server: Row  # of river/open_transaction
    layout: Layout
    keeper: KeeperSchema  # empty where it must not be used
    login: Login

    @property
    def tx(self) -> Transaction:
        return self.queries.tx


def _examine(tx: Transaction, config: Config) -> Iterator[CheckFinding]:
    sent = time.time()
    server = tx.query("river/open_transaction")[0]
    skew = (sent + time.time()) / 2 - server.clock
    yield from findings.on_server(server.server_version, server.database, standby=server.standby, skew=skew)
    yield from findings.on_replay(None if server.data_at is None else server.now - server.data_at)
    schemas = find_schemas(tx, config.database.river_schema, config.database.keeper_schema)
    layout = schemas.layout
    login = read_login(tx, layout, server.server_version)
    queries = QueryLog(tx)
    yield from findings.on_river(layout, queries.run("migrations", lambda: read_migrations(tx, layout)))
    keeper = _inspect(tx, schemas)
    usable = KeeperSchema(schemas.keeper) if isinstance(keeper, DatabaseError) else keeper
    role = least_role(live=config.is_live, installed=usable.installed)
    yield from read_rights(tx, layout, login, role)
    yield from findings.on_keeper_schema(keeper, login.grant(role), standby=server.standby)
    subject = _Subject(config, queries, server, layout, usable, login)
    yield from _examine_keeper(subject)
    yield from _examine_jobs(subject)
    yield from _examine_table(subject)
    rights_missing = not login.usable or bool(layout.unreadable())
    yield from findings.on_failed_queries(queries.outcomes, rights_missing=rights_missing)


def _inspect(tx: Transaction, schemas: Schemas) -> KeeperSchema | DatabaseError:
    try:
        return inspect_keeper(tx, schemas)
    except DatabaseError as error:
        return error


def _examine_keeper(subject: _Subject) -> Iterator[CheckFinding]:
    run, tx, keeper = subject.queries.run, subject.tx, subject.keeper
    if keeper.writable and not keeper.outdated:
        rights = run("rights", lambda: tx.query("rescue/read_rights"))
        may_rescue = bool(rights and rights[0].may_rescue)
        grant = subject.login.grant(RESCUER)
        yield from findings.on_rescuer(may_rescue=may_rescue, live=subject.config.is_live, grant=grant)
    if (keeper.version or 0) >= FENCE_VERSION and not subject.server.standby:
        fence = run("fence", lambda: read_fence(tx), aside=True)
        yield from findings.on_fence(fence) if fence else ()


def _examine_jobs(subject: _Subject) -> Iterator[CheckFinding]:
    run, tx, layout, now = subject.queries.run, subject.tx, subject.layout, subject.server.now
    # Read before the jobs, because it shows whether this login can read heartbeats.
    beats_found = run("heartbeats", lambda: read_heartbeats(tx), aside=True) if subject.keeper.heartbeat else None
    interval, beats = subject.config.heartbeat.metadata_interval, beats_found is not None and beats_found.any_heartbeat
    status = _read_rescuer(subject)
    longest = status.patience if status and status.patience is not None else patience(subject.config)
    since = path_verified_since(longest, status) if status else None
    running = run("running", lambda: read_running(tx, interval, heartbeats=beats))
    if layout.has("river_leader") and not subject.server.standby:
        leaders = run("leader", lambda: [read_leader(tx)])
        queues = run("queues", lambda: read_queues(tx)) if layout.has("river_queue") else None
        started = queues != () or running is None or bool(running.pairs)
        yield from findings.on_leader(leaders[0], now, started=started) if leaders else ()
    if running:
        suspects = run("verdicts", lambda: _judge(subject, running, beats_found, since))
        yield from findings.on_beats(running, beats_found, now, findings.count_stopped(suspects) if suspects else 0)
        yield from findings.on_verdicts(suspects) if suspects else ()
    if status:
        yield from findings.on_rescue(status, longest, since)


def _read_rescuer(subject: _Subject) -> Status | None:
    """The state of the rescuer by its tables; None where they are missing or cannot be read."""
    keeper = subject.keeper
    if not (keeper.control and keeper.audit and (keeper.version or 0) >= RESCUE_VERSION):
        return None
    return subject.queries.run("rescue", lambda: read_status(subject.tx))


def _judge(
    subject: _Subject, running: Running, beats_found: HeartbeatSummary | None, path_ok_since: float | None
) -> Suspects:
    """The stuck and suspected jobs. Raises DatabaseError.

    Learned limits are left out: `check` does not report long runs.
    """
    config, keeper, tx, now = subject.config, subject.keeper, subject.tx, subject.server.now
    fenced = (keeper.version or 0) >= FENCE_VERSION and read_fence(tx).in_force
    readable = ReadableTables(heartbeats=beats_found is not None, audit=keeper.audit, fenced=fenced)
    return SuspectReader(config).read(tx, running, {}, readable, now, path_ok_since)


def _examine_table(subject: _Subject) -> Iterator[CheckFinding]:
    run, tx, layout = subject.queries.run, subject.tx, subject.layout
    jobs = run("poison", lambda: read_poison(tx, SHOWN + 1))
    if jobs is not None:
        yield from findings.on_poison(jobs[:SHOWN], layout.schema, more=len(jobs) > SHOWN)
    if upkeep := run("upkeep", lambda: _read_upkeep(tx, layout)):
        yield from findings.on_upkeep(upkeep, layout.schema)
    triggers = run("triggers", lambda: tx.query("river/read_user_triggers", {"job_table": layout.oids["river_job"]}))
    yield from findings.on_user_triggers({row.trigger_name: row.function_name for row in triggers or ()})


def _read_upkeep(tx: Transaction, layout: Layout) -> TableUpkeep:
    (size,) = read_tables(tx, layout)
    rows = tx.query("river/read_indexes", {"job_table": layout.oids["river_job"]})
    return TableUpkeep(rows[0].analyzed, size.bytes, tuple(tuple(row.columns) for row in rows if row.columns))
