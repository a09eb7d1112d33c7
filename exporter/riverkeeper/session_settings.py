"""The settings that every transaction of ours pins for itself, whatever the login, the database or the URL sets. Pure.

They go into the message that begins the transaction, because a PgBouncer in transaction mode may stand between: a
setting of the session would stay behind on a connection that others use next.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting and why it is pinned."""

    name: str
    value: str
    reason: str

    def as_call(self) -> str:
        """The call that sets it until the transaction ends; its name is qualified: nothing is pinned yet."""
        value = self.value.replace("'", "''")
        return f"pg_catalog.set_config('{self.name}', '{value}', true)"


SEARCH_PATH = "pg_catalog, pg_temp"

PINNED = (
    Setting(
        "search_path",
        SEARCH_PATH,
        "Names in our statements mean PostgreSQL's own functions, operators and types. With another schema in the "
        "path, whoever may create there offers a better match, and it runs with our rights. Temporary objects come "
        "first where pg_temp is not named last.",
    ),
)

# `searched` is what the session's own search_path finds: it tells where River is if no schema is named. It stands
# before the first setting, because a list is evaluated from left to right.
PIN = f"SELECT pg_catalog.current_schemas(false) AS searched, {', '.join(setting.as_call() for setting in PINNED)}"
