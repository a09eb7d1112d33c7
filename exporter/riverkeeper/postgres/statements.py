"""The SQL files of the package: found by name, with the River and keeper schemas put in place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

# In the files the two schemas are called `river` and `keeper`, so each file is valid SQL as it stands.
# The type of the column `state` may be in another schema than River's tables.
_NAME = re.compile(r"\b(?P<type>river\.river_job_state)\b|\b(?P<schema>river|keeper)\.(?=[a-z_])")
_BODY = "$riverkeeper$"
# What a statement reads in place of a table that does not exist, so that the statement has one text and not two.
_STAND_INS = {
    "keeper.heartbeat": "river/no_heartbeat",
    "keeper.client": "river/no_client",
    "keeper.rescue": "river/no_rescue",
    "keeper.ledger_attempt": "ledger/no_ledger_attempt",
}


def quote_identifier(identifier: str) -> str:
    """An SQL identifier, quoted so that any name is taken as it is; `%` doubled for the driver's placeholders."""
    return '"' + identifier.replace('"', '""').replace("%", "%%") + '"'


def default_keeper_schema(river_schema: str | None) -> str:
    """`riverkeeper`, or `<river_schema>_riverkeeper` when a River schema is named."""
    return f"{river_schema}_riverkeeper" if river_schema else "riverkeeper"


@cache
def source(name: str) -> str:
    """Text of a statement, by package and name: `river/read_queues` is river/sql/read_queues.sql."""
    package, _, stem = name.rpartition("/")
    folder = package if package.endswith("/migrations") else f"{package}/sql"
    return files("riverkeeper").joinpath(f"{folder}/{stem}.sql").read_text(encoding="utf-8")


@cache
def statement(
    name: str,
    river: str | None = None,
    keeper: str | None = None,
    state_type: str | None = None,
    without: tuple[str, ...] = (),
) -> str:
    """The statement without comments and with its schemas named; a schema it needs but was not given is a KeyError.

    `state_type`: the type of a job's state, as quoted SQL, where it is not `river_job_state` in River's schema.
    The tables of `without` are read as if they had no rows.
    """
    code = _code(name)
    for table in without:
        code = code.replace(f" {table} AS ", f" ({_code(_STAND_INS[table])}) AS ")
    schemas = {word: schema for word, schema in (("river", river), ("keeper", keeper)) if schema is not None}
    code = code.replace(_BODY, _body_tag(schemas.values()))

    def qualify(match: re.Match[str]) -> str:
        if match["schema"]:
            return quote_identifier(schemas[match["schema"]]) + "."
        return state_type or quote_identifier(schemas["river"]) + ".river_job_state"

    return _NAME.sub(qualify, code)


def _body_tag(schemas: Iterable[str]) -> str:
    """The dollar quote of function bodies: no schema has it in its name, which would end the body."""
    tag = _BODY
    while any(tag in schema for schema in schemas):
        tag = f"{tag[:-1]}x$"
    return tag


def literal(text: str) -> str:
    """An SQL string for a script: any text is taken as it is, with either value of standard_conforming_strings."""
    quotes = "'" + text.replace("'", "''") + "'"
    return "E" + quotes.replace("\\", "\\\\") if "\\" in text else quotes


def _code(name: str) -> str:
    return "\n".join(line for line in source(name).splitlines() if not line.lstrip().startswith("--"))
