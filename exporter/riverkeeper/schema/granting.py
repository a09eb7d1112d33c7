"""What is granted to whom, as this database is; and running what a login may run of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.schema.grants import KEEPER, READER, RESCUER, WORKER, GrantTarget, Part, grants
from riverkeeper.schema.install import find_schemas, look

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """Which logins are to have which role; None: Riverkeeper's is the one that asks, workers' need none."""

    login: str | None = None
    role: str | None = None  # None: what the mode needs
    workers: str | None = None
    live: bool = False


def read_target(url: str, river_schema: str | None, keeper_schema: str | None, wish: Wish) -> GrantTarget:
    """The target of `schema grants`. Raises DatabaseError."""
    database, names = Database(url), dict[str, str]()
    try:
        with database.reading(SECONDS, names) as tx:
            return _target(tx, names, river_schema, keeper_schema, wish)
    finally:
        database.close()


def _target(
    tx: Transaction, names: dict[str, str], river_schema: str | None, keeper_schema: str | None, wish: Wish
) -> GrantTarget:
    layout = find_schemas(tx, names, river_schema, keeper_schema)
    keeper = names["keeper"]
    look(tx, keeper, layout.schema)  # a keeper schema of another River gets no grants
    row = tx.query("schema/read_granting", {"job_table": layout.oids["river_job"], "keeper": keeper})[0]
    return GrantTarget(
        layout=layout,
        keeper=keeper,
        keeper_tables=frozenset(row.keeper_tables) if row.keeper_owner else frozenset(),
        bitmask=row.bitmask,
        river_owner=row.river_owner,
        keeper_owner=row.keeper_owner,
        members=_members(tx, row, wish),
    )


def _members(tx: Transaction, row: Row, wish: Wish) -> Mapping[str, str]:
    """Who owns River's tables needs no role, unless it is named."""
    members: dict[str, str] = {}
    login = wish.login or (None if row.owns_river else row.login)
    if login:
        members[wish.role or wanted_role(live=wish.live, installed=row.keeper_owner is not None)] = login
    if wish.workers:
        members[WORKER] = wish.workers
    known = {found.name for found in tx.query("schema/read_roles", {"login": row.login, "roles": [*members.values()]})}
    for name in members.values():
        if name not in known:
            raise DatabaseError(ErrorKind.NO_ROLE, f'there is no login "{name}" on this server')
    return members


def wanted_role(*, live: bool, installed: bool) -> str:
    """The least role that does what is configured."""
    if live:
        return RESCUER
    return KEEPER if installed else READER


def apply(url: str, target: GrantTarget) -> list[Part]:
    """Run what this login may run, all or nothing; the parts that are left for others. Raises DatabaseError."""
    database = Database(url)
    left: list[Part] = []
    try:
        with database.writing(SECONDS, {"river": target.layout.schema, "keeper": target.keeper}) as tx:
            for part in grants(target):
                if _may_run(tx, part):
                    tx.execute(part.sql)
                else:
                    left.append(part)
    finally:
        database.close()
    return left


def _may_run(tx: Transaction, part: Part) -> bool:
    return bool(tx.query("schema/may_grant", {"owner": part.owner})[0].may)
