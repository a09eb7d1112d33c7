"""Who may do what: the least rights that work, as SQL to be reviewed and run by those who may grant them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from riverkeeper.postgres.statements import quoted
from riverkeeper.river.layout import COLUMNS, PRO, Layout
from riverkeeper.schema.inspect import HEARTBEAT_COLUMNS

READER = "riverkeeper_reader"
KEEPER = "riverkeeper_keeper"
WORKER = "riverkeeper_worker"
RESCUER = "riverkeeper_rescuer"

# What a keeper does with each of its own tables. Their owner, who runs `schema install`, may do all.
KEEPER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "ledger": "SELECT, UPDATE",
    "ledger_slot": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_total": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_name": "SELECT, INSERT, UPDATE, DELETE",
    "run_day": "SELECT, INSERT, UPDATE, DELETE",
    "heartbeat": "SELECT, INSERT, UPDATE, DELETE",
    "client": "SELECT, DELETE",
    "control": "SELECT, UPDATE",
    "brake": "SELECT, INSERT, UPDATE",
    "rescue": "SELECT, INSERT, UPDATE, DELETE",
    "wake": "SELECT, INSERT, UPDATE, DELETE",
    "late_result": "SELECT, UPDATE (counted_at), DELETE",
}
KEEPER_VIEWS = ("fence",)  # PUBLIC may read them
# What a client of the heartbeat contract writes, and only that: `lost_at` and `stop_requested_at` are the keeper's.
_BEATS = "instance, beat_interval, lease, beat_at, progress_at, progress, note"
_LIVES = "client_id, beat_at, beat_interval, kinds, fences"
# By column throughout: a right on the whole table would let a worker lock it against everybody. An upsert reads what it
# writes, so that a worker may read the notes of other jobs too.
WORKER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "heartbeat": (
        f"SELECT (job_id, attempted_at, {_BEATS}, lost_at, stop_requested_at), "
        f"INSERT (job_id, attempted_at, attempt, {_BEATS}), UPDATE ({_BEATS}, ended_at, outcome)"
    ),
    "client": f"SELECT (instance, {_LIVES}), INSERT (instance, {_LIVES}, software, started_at), UPDATE ({_LIVES})",
}
# What the contract's statements and the clients' own ask of a job: whose claim it is, and whether it is over.
WORKER_COLUMNS = ("id", "state", "attempt", "attempted_at", "attempted_by", "kind", "scheduled_at", "finalized_at")
# All that a rescue writes into River's table.
RESCUED_COLUMNS = ("state", "errors", "finalized_at", "scheduled_at", "metadata")
# Without these a reader could not tell since when silence counts, nor what the rescuer does.
_READ_BY_ALL = ("control", "brake", "rescue", "wake", "late_result")

_ROLES: Mapping[str, str] = {
    READER: "only looks, at heartbeats too; finished jobs are counted in the memory of the process",
    KEEPER: "counts finished jobs in the keeper schema, and makes dry runs",
    RESCUER: f"rescues too: changes {', '.join(RESCUED_COLUMNS)} of jobs",
    WORKER: "for the login by which workers beat: it can neither take a claim away nor change a job",
}
_ADMINISTRATOR = "an administrator (superuser, or CREATEROLE)"


@dataclass(frozen=True, slots=True)
class GrantTarget:
    """What the rights are on, who may give them, and which login is to have which role."""

    layout: Layout
    keeper: str
    keeper_tables: frozenset[str]  # none: the keeper schema is not installed
    bitmask: str | None  # River's function in the index of unique jobs, with its arguments, as SQL
    river_owner: str
    keeper_owner: str | None
    members: Mapping[str, str] = field(default_factory=dict)  # role -> login


@dataclass(frozen=True, slots=True)
class Part:
    """Statements that one login may run as they stand."""

    who: str  # for people
    owner: str | None  # the owner of the objects; None: an administrator
    statements: tuple[str, ...]

    @property
    def sql(self) -> str:
        return "\n".join(self.statements) + "\n"


def grants(target: GrantTarget) -> tuple[Part, ...]:
    """SQL that makes the roles and grants them their rights, by who may run it; running it again changes nothing."""
    river = [*_read_river(target), *_rescue(target), *_work_on_river(target)]
    keeper = [*_read_keeper(target), *_keep(target), *_beat(target)] if target.keeper_tables else []
    parts = [Part(_ADMINISTRATOR, None, tuple(_roles(target.members)))]
    if not keeper or target.keeper_owner == target.river_owner:
        what = "River's tables and the keeper schema" if keeper else "River's tables"
        parts.append(Part(f'"{target.river_owner}", who owns {what}', target.river_owner, (*river, *keeper)))
    else:
        parts.append(Part(f'"{target.river_owner}", who owns River\'s tables', target.river_owner, tuple(river)))
        owner = target.keeper_owner
        parts.append(Part(f'"{owner}", who owns the keeper schema', owner, tuple(keeper)))
    return tuple(parts)


def script(target: GrantTarget) -> str:
    """All parts with what each is, to be reviewed and pasted part by part."""
    texts = [_head(target)]
    for number, part in enumerate(grants(target), start=1):
        texts.append(f"-- Part {number}: run it as {printable(part.who)}.\n{part.sql}")
    return "\n".join(texts)


def _head(target: GrantTarget) -> str:
    lines = ["-- The roles, none with a login of its own. The arguments of jobs (args) can be read by none of them."]
    lines += [f"--   {role}: {what}" for role, what in _ROLES.items()]
    if not target.keeper_tables:
        lines.append(
            f'-- The keeper schema "{printable(target.keeper)}" is not installed, so nothing is granted there:'
        )
        lines.append("-- after `riverkeeper schema install`, run `riverkeeper schema grants` again.")
    if not target.members:
        lines.append("-- Name Riverkeeper's login with --login, and the one by which workers beat with --workers:")
        lines.append("-- the statements that give them their roles then stand in part 1.")
    return "\n".join(lines) + "\n"


def membership(role: str, login: str) -> str:
    """The statement that gives a login its role."""
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
    for table, columns in HEARTBEAT_COLUMNS.items():
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
    """A unique job's index looks at its state through a function of River's (migration 6), by its user's right."""
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
    """A schema's or a role's name, quoted for SQL that a person runs."""
    return quoted(name).replace("%%", "%")  # no driver puts parameters in and undoubles it


def printable(text: str) -> str:
    """Of a comment that ends with its line: a name may hold line breaks, and what follows would be run."""
    return " ".join(text.split())
