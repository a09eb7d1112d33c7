"""What a login can really read of River, and the statement that grants what it lacks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.doctor.report import CheckFinding, ok, problem
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.layout import COLUMNS, Layout
from riverkeeper.schema.grants import KEEPER, READER, RESCUER, membership, name_in_script

INHERIT_BY_GRANT = 160_000  # from PostgreSQL 16 on, GRANT sets INHERIT for each membership; before, the role has it


@dataclass(frozen=True, slots=True)
class Login:
    """The login of the connection, and which of Riverkeeper's roles exist and belong to it."""

    name: str
    usable: bool  # River's schema
    server_version: int
    roles: Mapping[str, Row]  # of schema/read_roles, by name

    def grant(self, role: str) -> str:
        """What to run so that this login has the rights of a role."""
        found, name = self.roles.get(role), name_in_script(self.name)
        if found is None:
            return f"riverkeeper schema grants --role {role.rpartition('_')[2]} --login {shlex.quote(self.name)}"
        if not found.is_member:
            return membership(role, self.name)
        if not found.inherits and self.server_version >= INHERIT_BY_GRANT:
            return f"GRANT {role} TO {name} WITH INHERIT TRUE;"
        if not found.inherits:
            return f"ALTER ROLE {name} INHERIT;"
        return "run the owner's part of `riverkeeper schema grants` again: the tables are newer than the grants"


def read_login(tx: Transaction, layout: Layout, server_version: int) -> Login:
    """The login of this connection. Raises DatabaseError."""
    row = tx.query("doctor/read_login", {"schema": name_in_script(layout.schema)})[0]
    roles = tx.query("schema/read_roles", {"login": row.login, "roles": [READER, KEEPER, RESCUER]})
    return Login(row.login, row.usable, server_version, {role.name: role for role in roles})


def read_rights(tx: Transaction, layout: Layout, login: Login, role: str) -> Iterator[CheckFinding]:
    """What this login cannot read of River, by the catalog and by trying. Raises DatabaseError."""
    lacks = [f"may not read {', '.join(columns)} of {table}" for table, columns in layout.unreadable().items()]
    if not login.usable:
        lacks = [f'may not use schema "{layout.schema}"']
    if lacks:
        yield problem("rights", f"{login.name} {'; '.join(lacks)}", login.grant(role))
    failed = list(_try_tables(tx, layout, login)) if login.usable else []
    yield from failed
    if not lacks and not failed:
        yield ok("rights", f"{login.name} may read every column that Riverkeeper reads")


def _try_tables(tx: Transaction, layout: Layout, login: Login) -> Iterator[CheckFinding]:
    """A view uses the rights of its owner, which the catalog does not show: only a SELECT does."""
    for table, columns in layout.columns.items():
        if table in layout.filtered:
            message = f"row level security is active on {table} for {login.name}: rows may be hidden"
            yield problem("rights", message, f"ALTER ROLE {name_in_script(login.name)} BYPASSRLS;")
            continue
        readable = [column for column in COLUMNS.get(table, ()) if columns.get(column)]
        try:
            if readable:
                with tx.savepoint():
                    tx.execute(f"SELECT {', '.join(readable)} FROM {name_in_script(layout.schema)}.{table} LIMIT 0")  # noqa: S608
        except DatabaseError as error:
            if error.kind is ErrorKind.LOST:
                raise
            yield problem("rights", f"{table} cannot be read: {error.message}", error.fix)
