"""The doctor behind `riverkeeper check`: asks what a keeper needs to know, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from riverkeeper.doctor import diagnosis
from riverkeeper.doctor.diagnosis import Poison, Upkeep
from riverkeeper.doctor.report import Finding, Report, problem
from riverkeeper.doctor.rights import read_login, read_rights
from riverkeeper.doctor.running_jobs import Judge, judge_now, stopped
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.postgres.urls import read_url
from riverkeeper.rescue.rules import Rules
from riverkeeper.river.around import read_leader, read_migrations, read_tables
from riverkeeper.river.bounds import METADATA_LARGE
from riverkeeper.river.layout import Layout
from riverkeeper.river.running import METADATA_INTERVAL, RFC3339, read_running
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.grants import RESCUER, least_role
from riverkeeper.schema.layout import FENCE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import Schemas, find_schemas, inspect_keeper
from riverkeeper.schema.sweep import Heard, read_clients
from riverkeeper.scrape.query_log import Questions

SECONDS = 20.0  # a person waits; a table without its index needs some of it
_TOPICS = {ErrorKind.NO_RIVER: "river", ErrorKind.ROW_SECURITY: "rights"}
SHOWN = 20  # poison jobs by name


def examine(
    url: str, river_schema: str | None, keeper_schema: str | None, *, live: bool = False, rules: Rules | None = None
) -> Report:
    """Everything that can be said about this database, its River and its keeper schema. Never raises.

    `live`: rescues are wanted, not dry runs only. With `rules` running jobs are judged by them.
    """
    findings: list[Finding] = []
    try:
        findings += diagnosis.ignored(read_url(url).ignored)
        database = Database(url)
        try:
            with database.reading(SECONDS) as tx:
                for finding in _ask(tx, river_schema, keeper_schema, live, rules):
                    findings.append(finding)  # one by one: what was found before a failure is said too
        finally:
            database.close()
    except DatabaseError as error:
        topic = _TOPICS.get(error.kind, "database")
        findings.append(problem(topic, error.message, error.fix))
        return Report(tuple(findings), misconfigured=error.is_wrong_use)
    return Report(tuple(findings))


def _ask(
    tx: Transaction,
    river_schema: str | None,
    keeper_schema: str | None,
    live: bool,
    rules: Rules | None,
) -> Iterator[Finding]:
    sent = time.time()
    opened = tx.query("river/open_transaction")[0]
    skew = (sent + time.time()) / 2 - opened.clock
    yield from diagnosis.server(opened.server_version, opened.database, standby=opened.standby, skew=skew)
    yield from diagnosis.replay(None if opened.data_at is None else opened.now - opened.data_at)
    schemas = find_schemas(tx, river_schema, keeper_schema)
    layout = schemas.layout
    login = read_login(tx, layout, opened.server_version)
    questions = Questions(tx)
    yield from diagnosis.river(layout, questions.ask("migrations", lambda: read_migrations(tx, layout)))
    found = _inspect(tx, schemas)
    role = least_role(live=live, installed=isinstance(found, KeeperSchema) and found.installed)
    yield from read_rights(tx, layout, login, role)
    yield from diagnosis.keeper(found, login.fix(role), standby=opened.standby)
    if isinstance(found, KeeperSchema) and found.writable and not found.outdated:
        rights = questions.ask("rights", lambda: tx.query("rescue/read_rights"))
        yield from diagnosis.rescuer(
            may_rescue=bool(rights and rights[0].may_rescue), live=live, fix=login.fix(RESCUER)
        )
    if isinstance(found, KeeperSchema) and (found.version or 0) >= FENCE_VERSION and not opened.standby:
        fence = questions.ask("fence", lambda: read_fence(tx), aside=True)
        yield from diagnosis.fence(fence) if fence else ()
    heard = None
    if isinstance(found, KeeperSchema) and found.heartbeat:
        heard = questions.ask("heartbeats", lambda: read_clients(tx), aside=True)
    keeper = found if isinstance(found, KeeperSchema) else KeeperSchema(schemas.keeper)
    judge = partial(judge_now, tx, rules, keeper, opened.now, heartbeats=heard is not None) if rules else None
    yield from _ask_river(questions, layout, opened.now, heard, judge, standby=opened.standby)
    missing = not login.usable or bool(layout.unreadable())
    yield from diagnosis.failures(questions.outcomes, rights_missing=missing)


def _ask_river(
    questions: Questions, layout: Layout, now: float, heard: Heard | None, judge: Judge | None, *, standby: bool
) -> Iterator[Finding]:
    ask, tx = questions.ask, questions.tx
    if layout.has("river_leader") and not standby:
        found = ask("leader", lambda: [read_leader(tx)])
        yield from diagnosis.leader(found[0], now) if found else ()
    beats = heard is not None and heard.any_heartbeat
    if running := ask("running", lambda: read_running(tx, METADATA_INTERVAL, heartbeats=beats)):
        judged = ask("verdicts", lambda: judge(running)) if judge else None
        suspects, unverified = judged or (None, None)
        yield from diagnosis.beats(running, heard, stopped(suspects) if suspects else 0)
        yield from diagnosis.verdicts(suspects, unverified) if suspects else ()
    jobs = ask("poison", lambda: _poison(tx))
    if jobs is not None:
        yield from diagnosis.poison(jobs[:SHOWN], layout.schema, more=len(jobs) > SHOWN)
    if upkeep := ask("upkeep", lambda: _upkeep(tx, layout)):
        yield from diagnosis.upkeep(upkeep, layout.schema)
    triggers = ask("triggers", lambda: tx.query("river/read_user_triggers", {"job_table": layout.oids["river_job"]}))
    yield from diagnosis.user_triggers({row.trigger_name: row.function_name for row in triggers or ()})


def _inspect(tx: Transaction, schemas: Schemas) -> KeeperSchema | DatabaseError:
    try:
        return inspect_keeper(tx, schemas)
    except DatabaseError as error:
        return error


def _poison(tx: Transaction) -> list[Poison]:
    limits = {"rfc3339": RFC3339, "most_bytes": METADATA_LARGE, "most_rows": SHOWN + 1}
    return [Poison(row.id, row.queue, row.kind, tuple(row.faults)) for row in tx.query("river/read_poison", limits)]


def _upkeep(tx: Transaction, layout: Layout) -> Upkeep:
    (size,) = read_tables(tx, layout)
    rows = tx.query("river/read_indexes", {"job_table": layout.oids["river_job"]})
    return Upkeep(rows[0].analyzed, size.bytes, tuple(tuple(row.columns) for row in rows if row.columns))
