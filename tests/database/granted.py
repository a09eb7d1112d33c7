"""The printed grants as a person pastes them."""

from __future__ import annotations

from riverkeeper.postgres.connection import run_script
from riverkeeper.schema.granting import Wish, read_target
from riverkeeper.schema.grants import script


def grant(url: str, river_schema: str | None = None, keeper_schema: str | None = None) -> None:
    """Run what `schema grants` prints for this database."""
    run_script(url, script(read_target(url, river_schema, keeper_schema, Wish())))
