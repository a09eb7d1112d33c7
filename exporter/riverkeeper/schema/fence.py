"""The fence: two triggers on River's table that drop the results of earlier attempts (create_fence.sql)."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.session_settings import SEARCH_PATH
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.grants import name_in_script

IN_FORCE, MISSING, FOREIGN = "in_force", "missing", "foreign"
FENCE_VERSION = 5  # of the keeper schema, which brought the fence
FENCE_FUNCTIONS = ("drop_late_result", "remove_claim_token")
LOCK_MILLISECONDS = 1_000  # River's writes queue behind us for no longer than this
SAFE_PATH = f"SET LOCAL search_path = {SEARCH_PATH}"  # no operator of another login is bound into a trigger
INSTALL = "riverkeeper schema fence install"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two triggers on one table."""

    table: str
    trigger: str
    state: str  # in_force | missing | disabled | foreign
    other_schema: str | None = None  # whose trigger of this name it is, where it is not this keeper's


@dataclass(frozen=True, slots=True)
class Fence:
    """The fence as it stands now, and what this login may do about it."""

    parts: tuple[Part, ...]  # none: there is no table to put it on
    login: str
    owner: str = ""  # of River's table
    owned: bool = False  # this login has the owner's rights
    may_create: bool = False

    @property
    def in_force(self) -> bool:
        return bool(self.parts) and not self.wrong

    @property
    def wrong(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.state != IN_FORCE)

    @property
    def message(self) -> str:
        """One sentence: in force, or what is wrong where."""
        if self.in_force:
            return f"the fence on {self.parts[0].table} is in force: results of earlier attempts are dropped"
        return f"the fence is not in force: {self._fault()}"

    @property
    def fix(self) -> str:
        """What to do about a fence that is not in force; a command and the login that must run it."""
        if not self.parts:
            return "a fence needs a table: name the schema of the table behind the view with --river-schema"
        if others := sorted({part.other_schema for part in self.parts if part.other_schema}):
            return f'drop it first: `riverkeeper schema fence remove` with database.keeper_schema: "{others[0]}"'
        return f'{INSTALL}   (as login "{self.owner}"; or give that login the SQL of `riverkeeper schema fence print`)'

    def _fault(self) -> str:
        if not self.parts:
            return "River's job table is no table on which a trigger can stand (a view?)"
        if all(part.state == MISSING for part in self.parts):
            return f"it was never put on {self.parts[0].table}, or was lost with it (a restored table?)"
        return ", ".join(f"trigger {part.trigger} on {part.table} is {_word(part)}" for part in self.wrong)


def _word(part: Part) -> str:
    return f'not this keeper\'s, but of schema "{part.other_schema}"' if part.state == FOREIGN else part.state


def read_fence(tx: Transaction) -> Fence:
    """The fence as it stands in this transaction. Raises DatabaseError."""
    rows = tx.query("schema/read_fence")
    parts = tuple(Part(row.table_name, row.trigger_name, row.state, row.other_schema) for row in rows)
    if not rows:
        return Fence(parts, login="")
    first = rows[0]
    return Fence(parts, first.login, first.owner, first.owned, first.may_create)


def put_fence(tx: Transaction) -> Fence:
    """Have it in force, in this transaction, whose schemas are known. Raises DatabaseError, NO_FENCE where it may not.

    Where it is in force already, River's table is not locked.
    """
    fence = read_fence(tx)
    if fence.in_force:
        return fence
    there = any(part.state != MISSING for part in fence.parts)
    may = fence.owned if there else fence.may_create  # only the owner may drop what is disabled or half there
    if not may or any(part.state == FOREIGN for part in fence.parts):
        raise DatabaseError(ErrorKind.NO_FENCE, fence.message, fence.fix)
    tx.execute(f"{SAFE_PATH}; SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
    if there:
        tx.execute(statement("schema/drop_fence", river=tx.schemas["river"]))
    tx.execute(statement("schema/create_fence", **tx.schemas))
    if fence.owned:
        tx.query("schema/strip_running")
    return read_fence(tx)


def take_fence(tx: Transaction) -> Fence:
    """Take it from River's table, in this transaction. Raises DatabaseError, NO_FENCE where this login may not."""
    fence = read_fence(tx)
    if all(part.state == MISSING for part in fence.parts):
        return fence
    if not fence.owned or any(part.state == FOREIGN for part in fence.parts):
        fix = fence.fix if fence.owned else f'riverkeeper schema fence remove   (as login "{fence.owner}")'
        raise DatabaseError(ErrorKind.NO_FENCE, f'login "{fence.login}" may not remove the fence', fix)
    tx.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
    tx.execute(statement("schema/drop_fence", river=tx.schemas["river"]))
    return read_fence(tx)


def fence_script(keeper: str, river: str) -> str:
    """All that `put_fence` would run on a table without one, to be reviewed or run by hand."""
    create = statement("schema/create_fence", river=river, keeper=keeper).strip().replace("%%", "%")
    return f"BEGIN;\n{SAFE_PATH};\nSET LOCAL lock_timeout = {LOCK_MILLISECONDS};\n{create}\nCOMMIT;\n"


def owner_grants(keeper: str, owner: str) -> str:
    """What the owner of River's table needs in the keeper schema to put the fence on it, where it owns not both."""
    schema, role = name_in_script(keeper), name_in_script(owner)
    functions = ", ".join(f"{schema}.{name}()" for name in FENCE_FUNCTIONS)
    return (
        f"GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON {schema}.meta TO {role};\n"
        f"GRANT EXECUTE ON FUNCTION {functions} TO {role};"
    )
