"""The keeper schema: made, checked, granted and removed. One keeper schema belongs to one River schema."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.session_settings import SEARCH_PATH
from riverkeeper.postgres.statements import literal, quoted, statement
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.detect import detect, names_of
from riverkeeper.river.layout import Layout
from riverkeeper.schema.fence import (
    FENCE_FUNCTIONS,
    FENCE_VERSION,
    LOCK_MILLISECONDS,
    Fence,
    owner_grants,
    put_fence,
    read_fence,
    take_fence,
)
from riverkeeper.schema.grants import KEEPER_TABLES, KEEPER_VIEWS
from riverkeeper.schema.inspect import HEARTBEAT_COLUMNS, KeeperSchema, default_name

VERSION = 6  # of what the files in migrations/ make
MIN_COMPATIBLE = 1  # the oldest keeper that may work with it
MIGRATIONS = (
    "schema/migrations/001_ledger",
    "schema/migrations/002_heartbeat",
    "schema/migrations/003_rescue",
    "schema/migrations/004_runs",
    "schema/migrations/005_fence",
    "schema/migrations/006_was_false",
)
INSTALL_SECONDS = 30.0
LOOK_SECONDS = 5.0
PAUSE_SECONDS = 2.0
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('riverkeeper schema install'))"  # of two installs at once
MOST_NAME_BYTES = 63  # Postgres cuts longer names
Result = TypeVar("Result")


def look(tx: Transaction, name: str, river_schema: str) -> KeeperSchema:
    """The keeper schema for this River. Raises DatabaseError WRONG_KEEPER where it serves another, or is too new."""
    columns = [f"{table}.{column}" for table, read in HEARTBEAT_COLUMNS.items() for column in read]
    found = tx.query("schema/detect_keeper", {"schema": name, "columns": columns})
    if not found or not found[0].usable:
        return KeeperSchema(name, installed=bool(found))
    _refuse_filtered(name, found[0].filtered)
    rows = tx.query("schema/read_meta")
    if not rows:
        return KeeperSchema(name)
    meta = rows[0]
    if meta.river_schema != river_schema:
        raise DatabaseError(
            ErrorKind.WRONG_KEEPER,
            f'keeper schema "{name}" belongs to River schema "{meta.river_schema}", not to "{river_schema}"',
        )
    if meta.min_compatible > VERSION:
        raise DatabaseError(
            ErrorKind.TOO_NEW,
            f'keeper schema "{name}" has version {meta.version} and needs a keeper of at least '
            f"version {meta.min_compatible}; this one knows version {VERSION}",
        )
    # An older schema will do for what it has: migrations only add.
    may = found[0]
    sweepable = may.heartbeat is not None and may.sweepable
    return KeeperSchema(
        name,
        installed=True,
        writable=may.writable,
        version=meta.version,
        outdated=meta.version < VERSION,
        heartbeat=may.heartbeat,
        audit=may.audit,
        learns=may.learns,
        control=may.control,
        sweepable=sweepable,
    )


def _refuse_filtered(name: str, filtered: list[str] | None) -> None:
    if filtered:
        tables = ", ".join(filtered)
        what = f'row level security is active on {tables} of keeper schema "{name}" for this login'
        raise DatabaseError(ErrorKind.ROW_SECURITY, what)


def find_schemas(tx: Transaction, names: dict[str, str], river_schema: str | None, keeper_schema: str | None) -> Layout:
    """River's layout; `names`, which are the transaction's own, then tell the statements where both schemas are.

    The one way of every command, named or not: River by its name, or by the search_path as River's clients find it;
    the keeper schema by its name, or by a default name, the one that serves this River first. Raises DatabaseError.
    """
    layout = detect(tx, river_schema)
    names.update(names_of(layout))
    names["keeper"] = keeper_schema or _find_keeper(tx, names, layout.schema, default_name(river_schema))
    return layout


def _find_keeper(tx: Transaction, names: dict[str, str], river_schema: str, default: str) -> str:
    """A River that was named once and found by the search_path another time has one keeper schema all the same."""
    both = dict.fromkeys((default, default_name(None), default_name(river_schema)))
    for row in tx.query("schema/find_keepers", {"names": [name for name in both if fits(name)]}):
        names["keeper"] = row.name
        try:
            serves = [meta.river_schema for meta in tx.query("schema/read_meta")]
        except DatabaseError:  # locked for a moment: `look` says so, and nobody takes another schema for this one
            return str(row.name)
        if river_schema in serves:
            return str(row.name)
    return default


def fits(name: str) -> bool:
    """Whether Postgres takes the name whole."""
    return len(name.encode()) <= MOST_NAME_BYTES


def install(url: str, river_schema: str | None, keeper_schema: str | None, *, fence: bool = True) -> str:
    """Make or upgrade the keeper schema, in one transaction; doing it again changes nothing. Returns its name.

    Then `fence` is put on River's table where this login may; see `fence_status` for what came of it.
    """
    database, names = Database(url), dict[str, str]()
    try:
        with database.writing(INSTALL_SECONDS, names) as tx:
            river = find_schemas(tx, names, river_schema, keeper_schema).schema
            name = names["keeper"]
            _refuse_rivers_own(name, river)
            tx.execute(f"SET LOCAL lock_timeout = {INSTALL_SECONDS * 1000:.0f}")
            tx.execute(TAKE_TURNS)
            # Asked first, because IF NOT EXISTS is refused to whoever may not make schemas, also where there is one.
            if not tx.query("schema/find_schema", {"schema": name}):
                tx.execute(create_statement(name))
            tx.execute(statement("schema/meta", keeper=name))
            _migrate(tx, name, river)
            if VERSION >= FENCE_VERSION:
                _let_owner_fence(tx, name)
    finally:
        database.close()
    if fence and VERSION >= FENCE_VERSION:
        _fence_if_allowed(url, river, name)
    return name


def _fence_if_allowed(url: str, river: str, name: str) -> None:
    try:
        install_fence(url, river, name)
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_FENCE:
            raise


def _migrate(tx: Transaction, name: str, river: str) -> None:
    rows = tx.query("schema/read_meta")
    if rows:
        look(tx, name, river)
    done = rows[0].version if rows else 0
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number > done:
            tx.execute(statement(migration, keeper=name))
    tx.query("schema/write_meta", {"river_schema": river, "version": VERSION, "min_compatible": MIN_COMPATIBLE})


def _let_owner_fence(tx: Transaction, name: str) -> None:
    """Whoever owns River's table, and not our schema, can then put the fence on it."""
    fence = read_fence(tx)
    if fence.owner and not fence.owned:
        tx.execute(owner_grants(name, fence.owner))


def install_fence(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """Put the fence on River's table. Raises DatabaseError: NO_FENCE where this login may not, LOCKED if it is busy."""

    def put() -> Fence:
        with _fenced(url, river_schema, keeper_schema, writing=True) as tx:
            tx.execute(f"SET LOCAL lock_timeout = {INSTALL_SECONDS * 1000:.0f}; {TAKE_TURNS}")
            return put_fence(tx)

    return _patiently(put)


def remove_fence(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """Take the fence from River's table. Raises DatabaseError."""

    def take() -> Fence:
        with _fenced(url, river_schema, keeper_schema, writing=True) as tx:
            return take_fence(tx)

    return _patiently(take)


def fence_status(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """The fence as it stands. Raises DatabaseError; NO_KEEPER where no keeper schema that knows one is installed."""
    with _fenced(url, river_schema, keeper_schema, writing=False) as tx:
        return read_fence(tx)


@contextmanager
def _fenced(url: str, river_schema: str | None, keeper_schema: str | None, *, writing: bool) -> Iterator[Transaction]:
    database, names = Database(url), dict[str, str]()
    try:
        with (database.writing if writing else database.reading)(INSTALL_SECONDS, names) as tx:
            river = find_schemas(tx, names, river_schema, keeper_schema).schema
            name = names["keeper"]
            found = look(tx, name, river)
            if found.installed and found.version is None:
                fix = "run `riverkeeper schema install` again as its owner: it lets the owner of River's table in"
                raise DatabaseError(ErrorKind.FORBIDDEN, f'this login may not read keeper schema "{name}"', fix)
            if found.version is None or found.version < FENCE_VERSION:
                what = "is not installed" if found.version is None else "is from before the fence"
                raise DatabaseError(ErrorKind.NO_KEEPER, f'keeper schema "{name}" {what}')
            yield tx
    finally:
        database.close()


def _patiently(act: Callable[[], Result]) -> Result:
    """Try for River's table in short turns, and let the writes through in between that queued behind us."""
    deadline = time.monotonic() + INSTALL_SECONDS
    while True:
        try:
            return act()
        except DatabaseError as error:
            if error.kind is not ErrorKind.LOCKED or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def _refuse_rivers_own(name: str, river_schema: str) -> None:
    if name.encode()[:MOST_NAME_BYTES] == river_schema.encode()[:MOST_NAME_BYTES]:
        raise DatabaseError(
            ErrorKind.SHARED_SCHEMA, f"\"{name}\" is River's own schema, and cannot be the keeper's too"
        )


def create_statement(name: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}"


def script(name: str, river_schema: str) -> str:
    """All that `install` would run on an empty database, to be reviewed or run by hand."""
    named = literal(river_schema).replace("%", "%%")
    parts = [create_statement(name) + ";", statement("schema/meta", keeper=name) + ";"]
    parts += [statement(migration, keeper=name) for migration in MIGRATIONS]
    values = f"VALUES ({named}, {VERSION}, {MIN_COMPATIBLE});"  # printed for a person, who cannot bind parameters
    parts.append(f"INSERT INTO {quoted(name)}.meta (river_schema, version, min_compatible) {values}")
    return (
        f"BEGIN;\nSET LOCAL search_path = {SEARCH_PATH};\n"
        + "\n".join(part.strip() for part in parts).replace("%%", "%")
        + "\nCOMMIT;\n"
    )


def find_names(url: str, river_schema: str | None, keeper_schema: str | None) -> tuple[str, str]:
    """River's schema and the keeper's, as `find_schemas` finds them. Raises DatabaseError."""
    database, names = Database(url), dict[str, str]()
    try:
        with database.reading(LOOK_SECONDS, names) as tx:
            river = find_schemas(tx, names, river_schema, keeper_schema).schema
            return river, names["keeper"]
    finally:
        database.close()


def refuse_foreign(url: str, river_schema: str | None, keeper_schema: str | None) -> None:
    """Raises DatabaseError where the keeper schema serves another River or is too new, or the database is away."""
    database, names = Database(url), dict[str, str]()
    try:
        with database.reading(LOOK_SECONDS, names) as tx:
            river = find_schemas(tx, names, river_schema, keeper_schema).schema
            look(tx, names["keeper"], river)
    finally:
        database.close()


def uninstall(url: str, river_schema: str | None, keeper_schema: str | None, *, force: bool = False) -> str:
    """Drop the keeper schema and all it remembers.

    Raises DatabaseError: WRONG_KEEPER where it serves another River, and without `force` BEATING where workers beat.
    """

    def drop() -> str:
        database, names = Database(url), dict[str, str]()
        try:
            with database.writing(INSTALL_SECONDS, names) as tx:
                river = find_schemas(tx, names, river_schema, keeper_schema).schema
                _drop(tx, names["keeper"], river, force)
                return names["keeper"]
        finally:
            database.close()

    return _patiently(drop)


def _drop(tx: Transaction, name: str, river: str, force: bool) -> None:
    if not look(tx, name, river).installed:
        raise DatabaseError(ErrorKind.MISSING, f'there is no keeper schema "{name}"')
    _refuse_shared(tx, name)
    if not force:
        _refuse_beating(tx, name)
    # The fence first: dropping its functions drops its triggers, whoever owns River's table.
    functions = ", ".join(f"{quoted(name)}.{function}()" for function in FENCE_FUNCTIONS)
    tx.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}; DROP FUNCTION IF EXISTS {functions} CASCADE")
    tx.execute(f"DROP SCHEMA {quoted(name)} CASCADE")


def _refuse_shared(tx: Transaction, name: str) -> None:
    strangers = tx.query("schema/list_strangers", {"schema": name, "tables": [*KEEPER_TABLES, *KEEPER_VIEWS]})
    if strangers:
        names = ", ".join(row.name for row in strangers)
        raise DatabaseError(
            ErrorKind.SHARED_SCHEMA,
            f"schema \"{name}\" holds what is not the keeper's ({names}); drop the keeper's tables by hand: "
            f"{', '.join(KEEPER_TABLES)}",
        )


def _refuse_beating(tx: Transaction, name: str) -> None:
    """Jobs would go on without the tables, but late results would no longer be kept in."""
    if not tx.query("schema/find_table", {"schema": name, "table": "heartbeat"}):
        return
    tx.execute(f"LOCK TABLE {quoted(name)}.client, {quoted(name)}.heartbeat IN SHARE MODE")  # no beat comes in between
    beating = tx.query("schema/count_beating")[0]
    if beating.clients or beating.claims:
        raise DatabaseError(
            ErrorKind.BEATING,
            f'{beating.clients} worker processes and {beating.claims} jobs beat into keeper schema "{name}"',
        )
