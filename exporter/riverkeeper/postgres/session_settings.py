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
    condition: str | None = None  # SQL, each name in it qualified; None: always

    def as_call(self) -> str:
        """The call that sets it until the transaction ends; its name is qualified: nothing is pinned yet."""
        value = self.value.replace("'", "''")
        call = f"pg_catalog.set_config('{self.name}', '{value}', true)"
        return f"CASE WHEN {self.condition} THEN {call} END" if self.condition else call


SEARCH_PATH = "pg_catalog, pg_temp"

PINNED = (
    Setting(
        "search_path",
        SEARCH_PATH,
        "Names in our statements mean PostgreSQL's own functions, operators and types. With another schema in the "
        "path, any login that may create there can offer a better match, which runs with our rights. Temporary objects "
        "come first where pg_temp is not named last.",
    ),
    Setting("row_security", "off", "Rows that a policy would hide are an error, never an empty table."),
    Setting("array_nulls", "on", "Our lists have NULLs in them; off, each is the word NULL, or no number at all."),
    Setting(
        "DateStyle", "ISO, YMD", "Moments as text are read by the driver, and compared by clients, in this form alone."
    ),
    Setting(
        "IntervalStyle",
        "postgres",
        "The driver reads intervals in this form alone; another also reads signs otherwise.",
    ),
    Setting("TimeZone", "UTC", "A moment without a zone is a moment of UTC, in every replica."),
    Setting(
        "timezone_abbreviations",
        "Default",
        "The Z of a moment is such an abbreviation, and is unknown to a list without it. Setting it reads a file.",
        "pg_catalog.current_setting('timezone_abbreviations') OPERATOR(pg_catalog.<>) 'Default'",
    ),
    Setting(
        "extra_float_digits", "1", "A Unix time has ten digits before its point; fewer digits make it another hour."
    ),
    Setting("bytea_output", "hex", "The keys of unique jobs are read in this form."),
    Setting("standard_conforming_strings", "on", "The backslashes in our patterns are backslashes."),
    Setting("transform_null_equals", "off", "`= NULL` is never true in our statements."),
    Setting("quote_all_identifiers", "off", "An index is known by the text of its condition."),
    Setting(
        "enable_seqscan",
        "off",
        "Where most rows of a table are live, or came since it was analyzed, the planner reads all of it, and the time "
        "grows with the history.",
    ),
    Setting("enable_indexscan", "on", "Without it a scrape reads the whole table."),
    Setting("enable_indexonlyscan", "on", "Without it a count visits every row."),
    Setting("enable_nestloop", "on", "Our probes of an index are nested loops."),
    Setting("from_collapse_limit", "8", "With less the planner keeps an order of joins that reads everything first."),
    Setting("join_collapse_limit", "8", "With less the planner keeps an order of joins that reads everything first."),
    Setting("jit", "off", "A plan that looks dear is compiled for a second, and then runs for a millisecond."),
    Setting("exit_on_error", "off", "One failed question must not end the session of the others."),
    Setting(
        "transaction_timeout",
        "0",
        "Each statement has a limit of ours, and so has the whole; this one would cut a scrape (PostgreSQL 17).",
        "pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 170000",
    ),
)

# `searched` is what the session's own search_path finds: River is there if no schema is named. It stands
# before the first setting, because a list is evaluated from left to right.
_CALLS = ", ".join(f"{setting.as_call()} AS set_{number}" for number, setting in enumerate(PINNED))
PIN = f"SELECT pg_catalog.current_schemas(false) AS searched, {_CALLS}"

# A statement of its own goes by the default of the login, and would be refused where another changed its row. It comes
# first: the level cannot be changed once something was read.
READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
