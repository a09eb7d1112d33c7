"""The fence: two triggers on River's table that drop the results of earlier attempts (create_fence.sql)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.session_settings import SEARCH_PATH
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.grants import name_in_script
from riverkeeper.schema.layout import FENCE_VERSION
from riverkeeper.schema.schemas import inspect_keeper, open_schemas, require_version

IN_FORCE, MISSING, FOREIGN = "in_force", "missing", "foreign"
FENCE_FUNCTIONS = ("drop_late_result", "remove_claim_token")
TABLE_LOCK_MILLISECONDS = 1_000  # River's writes wait behind us for no longer than this
INSTALL_SECONDS = 30.0
PAUSE_SECONDS = 2.0
SAFE_PATH = f"SET LOCAL search_path = {SEARCH_PATH}"  # so that the trigger's operators are PostgreSQL's own
LOCK_INSTALL = "SELECT pg_advisory_xact_lock(hashtext('riverkeeper schema install'))"  # one install at a time
INSTALL = "riverkeeper schema fence install"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FenceTrigger:
    """One of the two triggers on one table."""

    table: str
    trigger: str
    state: str  # in_force | missing | disabled | foreign
    other_schema: str | None = None  # the schema of its function, where that is not this keeper schema


@dataclass(frozen=True, slots=True)
class Fence:
    """The fence as it is, and what this login may do about it."""

    triggers: tuple[FenceTrigger, ...]  # empty: River's job table is no table
    login: str
    owner: str = ""  # of River's table
    owned: bool = False  # this login has the owner's rights
    may_create: bool = False

    @property
    def in_force(self) -> bool:
        return bool(self.triggers) and not self.wrong

    @property
    def wrong(self) -> tuple[FenceTrigger, ...]:
        return tuple(trigger for trigger in self.triggers if trigger.state != IN_FORCE)

    @property
    def message(self) -> str:
        """A sentence: the fence is in force, or what is wrong and where."""
        if self.in_force:
            return f"the fence on {self.triggers[0].table} is in force: results of earlier attempts are dropped"
        return f"the fence is not in force: {self._fault()}"

    @property
    def fix(self) -> str:
        """The command that puts the fence in force, and the login that must run it."""
        if not self.triggers:
            return "the fence needs a table: name the schema of the table behind the view with --river-schema"
        if others := sorted({trigger.other_schema for trigger in self.triggers if trigger.other_schema}):
            return (
                f'remove that one first: `riverkeeper schema fence remove` with database.keeper_schema: "{others[0]}"'
            )
        return f'{INSTALL}   (as login "{self.owner}"; or give that login the SQL of `riverkeeper schema fence print`)'

    def _fault(self) -> str:
        if not self.triggers:
            return "River's job table is not a table (a view?), and cannot have the triggers"
        if all(trigger.state == MISSING for trigger in self.triggers):
            return f"{self.triggers[0].table} lacks its triggers (never installed, or lost when the table was restored)"
        return ", ".join(
            f"trigger {wrong.trigger} on {wrong.table} is {_describe_state(wrong)}" for wrong in self.wrong
        )


def _describe_state(trigger: FenceTrigger) -> str:
    return f'of another keeper schema, "{trigger.other_schema}"' if trigger.state == FOREIGN else trigger.state


def read_fence(tx: Transaction) -> Fence:
    """The fence as this transaction sees it. Raises DatabaseError."""
    rows = tx.query("schema/read_fence")
    triggers = tuple(FenceTrigger(row.table_name, row.trigger_name, row.state, row.other_schema) for row in rows)
    if not rows:
        return Fence(triggers, login="")
    first = rows[0]
    return Fence(triggers, first.login, first.owner, first.owned, first.may_create)


def put_fence(tx: Transaction) -> Fence:
    """Put the fence in force, in a transaction that knows both schemas.

    A fence that is in force already is not touched: no lock is taken on River's table. Raises DatabaseError: NO_FENCE
    where this login may not install it.
    """
    fence = read_fence(tx)
    if fence.in_force:
        return fence
    exists = any(trigger.state != MISSING for trigger in fence.triggers)
    may = fence.owned if exists else fence.may_create  # only the owner may drop a disabled or incomplete fence
    if not may or any(trigger.state == FOREIGN for trigger in fence.triggers):
        raise DatabaseError(ErrorKind.NO_FENCE, fence.message, fence.fix)
    tx.execute(f"{SAFE_PATH}; SET LOCAL lock_timeout = {TABLE_LOCK_MILLISECONDS}")
    if exists:
        tx.execute(statement("schema/drop_fence", river=tx.schemas["river"]))
    tx.execute(statement("schema/create_fence", **tx.schemas))
    if fence.owned:
        tx.query("schema/strip_running")
    return read_fence(tx)


def take_fence(tx: Transaction) -> Fence:
    """Take the fence from River's table, in this transaction. Raises DatabaseError: NO_FENCE where it may not."""
    fence = read_fence(tx)
    if all(trigger.state == MISSING for trigger in fence.triggers):
        return fence
    if any(trigger.state == FOREIGN for trigger in fence.triggers):
        message = f"the fence on {fence.triggers[0].table} belongs to another keeper schema"
        raise DatabaseError(ErrorKind.NO_FENCE, message, fence.fix)
    if not fence.owned:
        fix = f'riverkeeper schema fence remove   (as login "{fence.owner}")'
        raise DatabaseError(ErrorKind.NO_FENCE, f'login "{fence.login}" may not remove the fence', fix)
    tx.execute(f"SET LOCAL lock_timeout = {TABLE_LOCK_MILLISECONDS}")
    tx.execute(statement("schema/drop_fence", river=tx.schemas["river"]))
    return read_fence(tx)


def install_fence(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """Put the fence on River's table. Raises DatabaseError: NO_FENCE where this login may not, LOCKED if it is busy."""

    def put() -> Fence:
        with _open_fence(url, river_schema, keeper_schema, writing=True) as tx:
            tx.execute(f"SET LOCAL lock_timeout = {INSTALL_SECONDS * 1000:.0f}; {LOCK_INSTALL}")
            return put_fence(tx)

    return retry_while_locked(put)


def remove_fence(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """Take the fence from River's table. Raises DatabaseError."""

    def take() -> Fence:
        with _open_fence(url, river_schema, keeper_schema, writing=True) as tx:
            return take_fence(tx)

    return retry_while_locked(take)


def fence_status(url: str, river_schema: str | None, keeper_schema: str | None) -> Fence:
    """The fence as it is. Raises DatabaseError; NO_KEEPER where no keeper schema with a fence is installed."""
    with _open_fence(url, river_schema, keeper_schema, writing=False) as tx:
        return read_fence(tx)


@contextmanager
def _open_fence(
    url: str, river_schema: str | None, keeper_schema: str | None, *, writing: bool
) -> Iterator[Transaction]:
    with open_schemas(url, river_schema, keeper_schema, INSTALL_SECONDS, writing=writing) as (tx, schemas):
        keeper = inspect_keeper(tx, schemas)
        if keeper.installed and keeper.version is None:
            message = f'this login may not read keeper schema "{keeper.name}"'
            fix = "run `riverkeeper schema install` again as its owner: it lets the owner of River's table in"
            raise DatabaseError(ErrorKind.FORBIDDEN, message, fix)
        require_version(keeper, FENCE_VERSION, "the fence")
        yield tx


def retry_while_locked(act: Callable[[], Result]) -> Result:
    """Try again while River's table is locked; between two tries the writes that wait behind us go on."""
    deadline = time.monotonic() + INSTALL_SECONDS
    while True:
        try:
            return act()
        except DatabaseError as error:
            if error.kind is not ErrorKind.LOCKED or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def fence_script(keeper: str, river: str) -> str:
    """The SQL that `put_fence` runs on a table without a fence, for review or for a manual install."""
    create = statement("schema/create_fence", river=river, keeper=keeper).strip().replace("%%", "%")
    return f"BEGIN;\n{SAFE_PATH};\nSET LOCAL lock_timeout = {TABLE_LOCK_MILLISECONDS};\n{create}\nCOMMIT;\n"


def owner_grants(keeper: str, owner: str) -> str:
    """The rights in the keeper schema that another owner of River's table needs to put the fence on it."""
    schema, role = name_in_script(keeper), name_in_script(owner)
    functions = ", ".join(f"{schema}.{name}()" for name in FENCE_FUNCTIONS)
    return (
        f"GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON {schema}.meta TO {role};\n"
        f"GRANT EXECUTE ON FUNCTION {functions} TO {role};"
    )
