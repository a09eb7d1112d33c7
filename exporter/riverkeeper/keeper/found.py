"""What is known of the keeper schema. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeeperSchema:
    """The keeper schema as found. Not installed: all False."""

    name: str
    installed: bool = False
    writable: bool = False
    version: int | None = None  # None: not installed, or not to be read
    outdated: bool = False  # this keeper brings migrations that have not been applied


def default_name(river_schema: str | None) -> str:
    """`riverkeeper`, or `<river_schema>_riverkeeper` when a River schema is named."""
    return f"{river_schema}_riverkeeper" if river_schema else "riverkeeper"
