"""The printed grants as a person pastes them."""

from __future__ import annotations

from riverkeeper.database import run_script
from riverkeeper.keeper.granting import Wish, read_target
from riverkeeper.keeper.grants import script


def grant(url: str, river_schema: str | None = None, keeper_schema: str | None = None) -> None:
    """Run what `schema grants` prints for this database."""
    run_script(url, script(read_target(url, river_schema, keeper_schema, Wish())))
