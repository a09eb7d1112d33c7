"""The least rights that work, as SQL for review; and running the statements that a login may run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from riverkeeper.postgres.connection import begin_transaction
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import quote_identifier
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.layout import COLUMNS, PRO, Layout
from riverkeeper.schema.layout import CHECKPOINT_COLUMNS, HEARTBEAT_COLUMNS, KEEPER_TABLES
from riverkeeper.schema.schemas import Schemas, inspect_keeper, open_schemas

READER = "riverkeeper_reader"
KEEPER = "riverkeeper_keeper"
WORKER = "riverkeeper_worker"
RESCUER = "riverkeeper_rescuer"

# The columns that a client of the heartbeat contract writes. `lost_at` and the requests are Riverkeeper's.
_BEATS = "instance, beat_interval, lease, beat_at, progress_at, progress, note"
_SAVES = "number, saved_at, value"
_RESUMES = "resumed_at, resumes"
_LIVES = "client_id, beat_at, beat_interval, kinds, fences"
_PODS = "pod_namespace, pod_name, pod_uid, host"
# By column: a right on the whole table would let a worker lock the table. An upsert reads what it writes, so that a
# worker may also read the notes and checkpoints of other jobs.
WORKER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "heartbeat": (
        f"SELECT (job_id, attempted_at, {_BEATS}, lost_at, stop_requested_at, stack_requested_at, stack_at), "
        f"INSERT (job_id, attempted_at, attempt, {_BEATS}), UPDATE ({_BEATS}, stack_at, ended_at, outcome)"
    ),
    "checkpoint": (
        f"SELECT (job_id, attempted_at, attempt, generation, {_SAVES}, {_RESUMES}), "
        f"INSERT (job_id, attempted_at, attempt, generation, {_SAVES}), UPDATE ({_SAVES}, {_RESUMES})"
    ),
    "client": (
        f"SELECT (instance, {_LIVES}), INSERT (instance, {_LIVES}, software, started_at), UPDATE ({_LIVES}, {_PODS})"
    ),
    # No right to read a stack: it shows where the jobs of others are.
    "stack": (
        "SELECT (job_id, attempted_at), INSERT (job_id, attempted_at, taken_at, stack), UPDATE (taken_at, stack)"
    ),
}
# The columns of a job that the statements of the contract and of the clients read.
WORKER_COLUMNS = ("id", "state", "attempt", "attempted_at", "attempted_by", "kind", "scheduled_at", "finalized_at")
# The columns that a rescue writes.
RESCUED_COLUMNS = ("state", "errors", "finalized_at", "scheduled_at", "metadata")
# A reader needs these to know since when missed heartbeats count, and what the rescuer does.
_READ_BY_ALL = ("control", "brake", "rescue", "wake", "late_result")

_ROLES: Mapping[str, str] = {
    READER: "reads jobs and heartbeats; finished jobs are counted in the memory of the process",
    KEEPER: "as the reader, and also counts finished jobs in the keeper schema and makes dry runs",
    RESCUER: f"as {KEEPER}, and rescues: changes {', '.join(RESCUED_COLUMNS)} of jobs",
    WORKER: "for the login that writes heartbeats: it cannot mark a claim as lost, and cannot change a job",
}
GRANT_SECONDS = 30.0
_ADMINISTRATOR = "an administrator (superuser, or CREATEROLE)"


@dataclass(frozen=True, slots=True)
class GrantTarget:
    """The objects of the rights, their owners, and which login gets which role."""

    layout: Layout
    keeper: str
    keeper_tables: frozenset[str]  # empty: the keeper schema is not installed
    bitmask: str | None  # River's function in the index of unique jobs, as SQL; None before migration 6
    river_owner: str
    keeper_owner: str | None
    members: Mapping[str, str] = field(default_factory=dict)  # role -> login


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """Which login gets which role."""

    login: str | None = None  # Riverkeeper's; None: the login of the connection
    role: str | None = None  # None: the least role for the mode
    workers: str | None = None  # the login of workers that beat; None: it needs no role
    live: bool = False


def read_target(url: str, river_schema: str | None, keeper_schema: str | None, request: GrantRequest) -> GrantTarget:
    """The target of `schema grants`. Raises DatabaseError."""
    with open_schemas(url, river_schema, keeper_schema, GRANT_SECONDS) as (tx, schemas):
        inspect_keeper(tx, schemas)  # refuses the keeper schema of another River
        return _read_target(tx, schemas, request)


def _read_target(tx: Transaction, schemas: Schemas, request: GrantRequest) -> GrantTarget:
    layout, keeper = schemas.layout, schemas.keeper
    row = tx.query("schema/read_granting", {"job_table": layout.oids["river_job"], "keeper": keeper})[0]
    return GrantTarget(
        layout=layout,
        keeper=keeper,
        keeper_tables=frozenset(row.keeper_tables) if row.keeper_owner else frozenset(),
        bitmask=row.bitmask,
        river_owner=row.river_owner,
        keeper_owner=row.keeper_owner,
        members=_members(tx, row, request),
    )


def _members(tx: Transaction, row: Row, request: GrantRequest) -> Mapping[str, str]:
    """Role -> login. The owner of River's tables needs no role, unless it is named."""
    members: dict[str, str] = {}
    login = request.login or (None if row.owns_river else row.login)
    if login:
        members[request.role or least_role(live=request.live, installed=row.keeper_owner is not None)] = login
    if request.workers:
        members[WORKER] = request.workers
    known = {found.name for found in tx.query("schema/read_roles", {"login": row.login, "roles": [*members.values()]})}
    for name in members.values():
        if name not in known:
            raise DatabaseError(ErrorKind.NO_ROLE, f'there is no role "{name}" on this server')
    return members


def least_role(*, live: bool, installed: bool) -> str:
    """The least role for the configuration."""
    if live:
        return RESCUER
    return KEEPER if installed else READER


@dataclass(frozen=True, slots=True)
class GrantPart:
    """Statements that one login may run as they are."""

    run_by: str  # that login, in words
    owner: str | None  # the owner of the objects; None: an administrator
    statements: tuple[str, ...]

    @property
    def sql(self) -> str:
        return "\n".join(self.statements) + "\n"


def build_grants(target: GrantTarget) -> tuple[GrantPart, ...]:
    """SQL that makes the roles and grants their rights, a part for each owner; a second run changes nothing."""
    river = [*_read_river(target), *_rescue(target), *_work_on_river(target)]
    keeper = [*_read_keeper(target), *_keep(target), *_beat(target)] if target.keeper_tables else []
    parts = [GrantPart(_ADMINISTRATOR, None, tuple(_roles(target.members)))]
    if not keeper or target.keeper_owner == target.river_owner:
        what = "River's tables and the keeper schema" if keeper else "River's tables"
        parts.append(GrantPart(f'"{target.river_owner}", who owns {what}', target.river_owner, (*river, *keeper)))
    else:
        parts.append(GrantPart(f'"{target.river_owner}", who owns River\'s tables', target.river_owner, tuple(river)))
        owner = target.keeper_owner
        parts.append(GrantPart(f'"{owner}", who owns the keeper schema', owner, tuple(keeper)))
    return tuple(parts)


def render_grants(target: GrantTarget) -> str:
    """All parts with a heading each, for review."""
    texts = [_head(target)]
    for number, part in enumerate(build_grants(target), start=1):
        texts.append(f"-- Part {number}: run it as {printable(part.run_by)}.\n{part.sql}")
    return "\n".join(texts)


def _head(target: GrantTarget) -> str:
    lines = ["-- Four roles without LOGIN. None of them can read the arguments of jobs (args)."]
    lines += [f"--   {role}: {what}" for role, what in _ROLES.items()]
    if not target.keeper_tables:
        lines.append(f'-- The keeper schema "{printable(target.keeper)}" is not installed, and has no grants below:')
        lines.append("-- run `riverkeeper schema install`, then `riverkeeper schema grants` again.")
    if not target.members:
        lines.append("-- Name Riverkeeper's login with --login, and the login of workers that beat with --workers:")
        lines.append("-- part 1 then has the statements that give them their roles.")
    return "\n".join(lines) + "\n"


def membership(role: str, login: str) -> str:
    """The statement that gives a role to a login."""
    return f"GRANT {role} TO {name_in_script(login)};"


def _roles(members: Mapping[str, str]) -> Iterator[str]:
    for role in _ROLES:
        yield f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    yield membership(READER, KEEPER)
    yield membership(KEEPER, RESCUER)
    for role, login in members.items():
        yield membership(role, login)


def _read_river(target: GrantTarget) -> Iterator[str]:
    schema, there = target.layout.schema, target.layout.columns
    schemas = dict.fromkeys((schema, target.layout.state_type[0]))
    yield f"GRANT USAGE ON SCHEMA {', '.join(map(name_in_script, schemas))} TO {READER};"
    for table, wanted in {**COLUMNS, **PRO}.items():
        columns = [column for column in wanted if column in there.get(table, {})]
        if columns:
            yield select(schema, table, columns)
    if "unique_states" in there["river_job"]:
        yield select(schema, "river_job", ["unique_states"], KEEPER)


def _read_keeper(target: GrantTarget) -> Iterator[str]:
    schema = target.keeper
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)} TO {READER};"
    yield _grant("SELECT", schema, "meta", READER)
    for table, columns in {**HEARTBEAT_COLUMNS, "checkpoint": CHECKPOINT_COLUMNS}.items():
        if table in target.keeper_tables:
            yield select(schema, table, columns)
    for table in _READ_BY_ALL:
        if table in target.keeper_tables:
            yield _grant("SELECT", schema, table, READER)


def _keep(target: GrantTarget) -> Iterator[str]:
    for table, rights in KEEPER_TABLES.items():
        if table in target.keeper_tables:
            yield _grant(rights, target.keeper, table, KEEPER)


def _rescue(target: GrantTarget) -> Iterator[str]:
    """The index of unique jobs calls a function of River (migration 6) with the rights of the login that writes."""
    yield _grant(f"UPDATE ({', '.join(RESCUED_COLUMNS)})", target.layout.schema, "river_job", RESCUER)
    yield f"GRANT USAGE ON TYPE {'.'.join(map(name_in_script, target.layout.state_type))} TO {RESCUER};"
    if target.bitmask:
        yield f"GRANT EXECUTE ON FUNCTION {target.bitmask} TO {RESCUER};"


def _work_on_river(target: GrantTarget) -> Iterator[str]:
    schema = target.layout.schema
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)} TO {WORKER};"
    yield select(schema, "river_job", WORKER_COLUMNS, WORKER)


def _beat(target: GrantTarget) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(target.keeper)} TO {WORKER};"
    for table, rights in WORKER_TABLES.items():
        if table in target.keeper_tables:
            yield _grant(rights, target.keeper, table, WORKER)


def select(schema: str, table: str, columns: Iterable[str], role: str = READER) -> str:
    """The statement that lets a role read columns of a table."""
    return _grant(f"SELECT ({', '.join(columns)})", schema, table, role)


def _grant(rights: str, schema: str, table: str, role: str) -> str:
    return f"GRANT {rights} ON {name_in_script(schema)}.{table} TO {role};"


def name_in_script(name: str) -> str:
    """The name of a schema or a role, quoted for SQL that an operator runs."""
    return quote_identifier(name).replace("%%", "%")  # only the driver reads %% as %


def printable(text: str) -> str:
    """A text for an SQL comment, in one line: psql would run what comes after a line break in a name."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class GrantsMade:
    """What is there already of the part for an administrator."""

    roles_exist: bool  # all four
    members: Mapping[str, str]  # role -> login that has it, of the requested ones
    complete: bool


def read_grants_made(url: str, target: GrantTarget) -> GrantsMade:
    """Which roles exist, and which logins have theirs. Raises DatabaseError."""
    with begin_transaction(url, GRANT_SECONDS) as tx:
        return _read_made(tx, target)


def _read_made(tx: Transaction, target: GrantTarget) -> GrantsMade:
    exist = tx.query("schema/find_roles", {"roles": [*_ROLES]})[0].found == len(_ROLES)
    members = {
        role: login
        for role, login in (target.members.items() if exist else ())
        if tx.query("schema/read_roles", {"login": login, "roles": [role]})[0].is_member
    }
    return GrantsMade(exist, members, exist and members == target.members)


def apply_grants(url: str, target: GrantTarget) -> list[GrantPart]:
    """Run the parts that this login may run, in one transaction; returns the other parts. Raises DatabaseError.

    The part for an administrator is left out where it was run before. The other parts wait for the roles.
    """
    left: list[GrantPart] = []
    with begin_transaction(url, GRANT_SECONDS, writing=True) as tx:
        for part in build_grants(target):
            made = _read_made(tx, target)
            if part.owner is None and made.complete:
                continue
            if (part.owner is None or made.roles_exist) and _may_run(tx, part):
                tx.execute(part.sql)
            else:
                left.append(part)
    return left


def _may_run(tx: Transaction, part: GrantPart) -> bool:
    return bool(tx.query("schema/may_grant", {"owner": part.owner})[0].may)
