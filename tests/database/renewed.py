"""One database for many tests, made anew for each: eight times quicker than a new one, and no eight megabytes each."""

from __future__ import annotations

from riverkeeper.demo.table import create_river_table
from riverkeeper.postgres.connection import Session

# Whoever is still connected would hold locks on what is dropped.
_EMPTY = """
DO $$
DECLARE one text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', one);
    END LOOP;
END $$;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


def renew(url: str) -> str:
    """Drop every schema of the database, and make an empty River-shaped `public`. Returns the URL."""
    with Session(url, "renew") as sql:
        sql.execute(_EMPTY)
    create_river_table(url, "public")
    return url
