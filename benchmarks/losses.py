"""What the ledger cannot count, measured: jobs that finished beside jobs that were counted."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track
from rich.table import Table

from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.store import MemoryStore
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.statements import source

START, RATE, SECONDS, LATE_WINDOW = 1_790_000_000, 50, 1_800, 600
SCHEMAS = {"river": "public"}
CLEANER = 30  # seconds between two of its runs

# `finished`: a job's true end; `told`: finalized_at; `visible`, `gone`: when its row comes and goes. All by true time.
PLAN = """
CREATE TABLE plan AS
SELECT id, kind, finished, told, visible, ({gone})::float8 AS gone,
    exp(kind + (random() + random() + random() - 1.5)) AS ran
FROM (
    SELECT id, kind, finished, told, ({visible})::float8 AS visible, chance
    FROM (
        SELECT id, mod(id, 5)::integer AS kind, finished, ({told})::float8 AS told, random() AS chance
        FROM (SELECT id, {start} + id / {rate}::float8 AS finished FROM generate_series(1, {jobs}) AS id) AS job
    ) AS job
) AS job
"""
COME = """
INSERT INTO river_job (id, state, attempt, kind, attempted_at, finalized_at)
SELECT id, 'completed', 1, 'kind_' || kind, to_timestamp(told - ran), to_timestamp(told)
FROM plan WHERE visible > %(since)s AND visible <= %(now)s AND NOT coalesce(gone <= %(now)s, false)
"""
GO = "DELETE FROM river_job USING plan WHERE plan.id = river_job.id AND plan.gone > %(since)s AND plan.gone <= %(now)s"


@dataclass(frozen=True)
class Trouble:
    """How a shop differs from a calm one; SQL expressions over PLAN's total_row."""

    title: str
    told: str = "finished"
    visible: str = "finished + 0.25"
    gone: str = "NULL"
    every: int = 15


def cleaned(after: float) -> str:
    return f"ceil((told + {after}) / {CLEANER}) * {CLEANER}"


def late(share: float, least: int, most: int) -> str:
    return f"finished + CASE WHEN chance < {share} THEN {least} + {(most - least) / share} * chance ELSE 0.25 END"


def retried(share: float, most: int) -> str:
    return f"CASE WHEN chance > {1 - share} THEN visible + {most / share} * (1 - chance) END"


def off(share: float, seconds: int) -> str:
    return f"finished + CASE WHEN random() < {share} THEN {seconds} ELSE 0 END"


KEEPS = "River's cleaner keeps completed jobs for"
TROUBLES = (
    Trouble("nothing unusual"),
    Trouble("10 % of the clocks 5 minutes behind", told=off(0.1, -300)),
    Trouble("10 % of the clocks 5 minutes ahead", told=off(0.1, 300)),
    Trouble("10 % of the rows up to 10 minutes late", visible=late(0.1, 0, 600)),
    Trouble("1 % of the rows 10 to 20 minutes late", visible=late(0.01, 600, 1200)),
    Trouble("1 % of the clocks 11 minutes behind", told=off(0.01, -660)),
    Trouble(f"{KEEPS} 1 minute", gone=cleaned(60)),
    Trouble(f"{KEEPS} 1 minute, a scrape every minute", gone=cleaned(60), every=60),
    Trouble(f"{KEEPS} 10 s", gone=cleaned(10)),
    Trouble(f"{KEEPS} 1 s", gone=cleaned(1)),
    Trouble(f"{KEEPS} 1 s, a scrape every minute", gone=cleaned(1), every=60),
    Trouble("1 % retried by hand within a minute", gone=retried(0.01, 60)),
    Trouble("1 % retried by hand within 10 minutes", gone=retried(0.01, 600)),
    Trouble("the same, and 1 % of the rows up to 10 minutes late", visible=late(0.01, 0, 600), gone=retried(0.01, 600)),
)


def main() -> None:
    """Print a table: a row for each trouble."""
    shown = Table(title=f"{RATE * SECONDS:,} jobs of five kinds in {SECONDS // 60} minutes, late window 10 minutes")
    for heading in ("", "not counted", "of all"):
        shown.add_column(heading, justify="right" if heading else "left")
    with start_postgres() as postgres:
        for number, trouble in enumerate(track(TROUBLES, description="losses")):
            lost = measure(postgres, f"losses_{number}", trouble)
            shown.add_row(trouble.title, f"{lost:,}", f"{lost / RATE / SECONDS:.3%}")
    Console(width=None if sys.stdout.isatty() else 200).print(shown)


def measure(postgres: Server, name: str, trouble: Trouble) -> int:
    """Jobs that were not counted."""
    url = postgres.database(name)
    ledger, database, since = Ledger(MemoryStore(), LATE_WINDOW, 1000), Database(url), START - 1.0
    with Session(url, "benchmark") as sql:
        sql.execute(source("demo/river_table").replace("river.", "public."))
        sql.execute("DROP INDEX river_job_args_index, river_job_metadata_index; SELECT setseed(0.5)")
        values = {"told": trouble.told, "visible": trouble.visible, "gone": trouble.gone, "start": START, "rate": RATE}
        sql.execute(PLAN.format(**values, jobs=RATE * SECONDS))
        sql.execute("CREATE INDEX ON plan (visible); CREATE INDEX ON plan (gone); ANALYZE plan")
        for now in range(START, START + SECONDS + 3 * LATE_WINDOW, trouble.every):
            sql.execute(COME, {"since": since, "now": now})
            sql.execute(GO, {"since": since, "now": now})
            with database.reading(30, SCHEMAS) as tx:
                reading = ledger.read(tx, float(now))
            totals = ledger.settle(tx, reading, {})
            since = now
    database.close()
    return RATE * SECONDS - sum(tally.jobs for series, tally in totals.series.items() if series.measure == "run")


if __name__ == "__main__":
    main()
