"""What the fence costs the server: each way to compare a token, and the triggers beside none, in turn.

`python benchmarks/fence_trigger.py`; figures in docs/decisions/0021. Comparisons by the server's processor time,
triggers by the clock of a statement that ends 20,000 jobs of a table without indexes: the least of several rounds each.
"""

from __future__ import annotations

import os
import time

from riverkeeper.demo.postgres import start_postgres
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.fence import fence_script
from riverkeeper.schema.install import install

ROWS, COMPARED, ROUNDS = 20_000, 400_000, 9
TEXT = """to_char(a AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
FORMS = {  # how a token is written, and how it is compared
    "text": (TEXT, f"(m ->> 'k') = {TEXT}"),
    "text, by a cast": (TEXT, "(m ->> 'k')::timestamptz = a"),
    "a number": (
        "(extract(epoch FROM a) * 1000000)::bigint",
        "(m -> 'k') = to_jsonb((extract(epoch FROM a) * 1000000)::bigint)",
    ),
    "hex": ("encode(timestamptz_send(a), 'hex')", "(m ->> 'k') = encode(timestamptz_send(a), 'hex')"),
}
ON = "CREATE TRIGGER riverkeeper_fence BEFORE UPDATE ON public.river_job FOR EACH ROW"
NOTHING = """CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE FUNCTION strips() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN new.metadata := new.metadata - 'riverkeeper:claim'; RETURN new; END $$"""
TRIGGERS = {
    "none": "",
    "one that is never called": f"{ON} WHEN (old.id < 0) EXECUTE FUNCTION nothing()",
    "one that takes the key out": f"{ON} WHEN (new.metadata ? 'riverkeeper:claim') EXECUTE FUNCTION strips()",
    "the fence": fence_script("riverkeeper", "public"),
}
JOBS = """INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, metadata)
SELECT 'k', 'running', 1, now() - i * interval '1.001307 ms', ARRAY['w'], jsonb_build_object('trace', md5(i::text))
FROM generate_series(1, %(rows)s) AS i"""
GIVEN = f"""CREATE TEMP TABLE given AS
SELECT id, jsonb_build_object('riverkeeper:claim', {TEXT.replace("(a ", "(attempted_at ")}) AS m FROM river_job"""  # noqa: S608
ENDS = """UPDATE river_job AS j SET state = 'completed', finalized_at = now(), metadata = j.metadata || g.m
FROM given AS g WHERE g.id = j.id"""
TICKS = os.sysconf("SC_CLK_TCK")


def processor(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def compared(sql: Session, expression: str, condition: str) -> float:
    """Microseconds of processor for one comparison."""
    sql.execute("DROP TABLE IF EXISTS tokens")
    sql.execute(f"""CREATE UNLOGGED TABLE tokens AS
        SELECT a, jsonb_build_object('trace', md5(a::text), 'k', {expression}) AS m
        FROM (SELECT now() - i * interval '1.001307 ms' AS a FROM generate_series(1, {COMPARED}) AS i) AS one""")  # noqa: S608
    pid = sql.execute("SELECT pg_backend_pid() AS pid")[0].pid
    least = {}
    for text in ("a IS NOT NULL", condition):
        spent = []
        for _ in range(ROUNDS):
            before = processor(pid)
            [row] = sql.execute(f"SELECT count(*) AS n FROM tokens WHERE {text}")  # noqa: S608
            if row.n != COMPARED:
                raise RuntimeError(f"{condition} held for {row.n} of {COMPARED}")
            spent.append(processor(pid) - before)
        least[text] = min(spent)
    return (least[condition] - least["a IS NOT NULL"]) / COMPARED * 1e6


def ended(sql: Session, triggers: str) -> float:
    """Microseconds for one job of a statement that ends them all in time."""
    sql.execute("DROP TRIGGER IF EXISTS riverkeeper_fence ON river_job")
    sql.execute("DROP TRIGGER IF EXISTS riverkeeper_fence_strip ON river_job; TRUNCATE river_job")
    sql.execute(JOBS, {"rows": ROWS})
    if triggers:
        sql.execute(triggers)
    sql.execute(f"DROP TABLE IF EXISTS given; {GIVEN}; ANALYZE given; ANALYZE river_job")
    began = time.perf_counter()
    sql.execute(ENDS)
    spent = time.perf_counter() - began
    [row] = sql.execute("SELECT count(*) AS n FROM river_job WHERE state = 'completed'")
    if row.n != ROWS:
        raise RuntimeError(f"{row.n} of {ROWS} jobs ended")
    return spent / ROWS * 1e6


def main() -> None:
    with start_postgres() as server:
        url = server.database("fence")
        with Session(url) as sql:
            sql.execute(source("demo/river_table").replace("river.", "public."))
            install(url, None, None, fence=False)
            sql.execute("SET jit = off; SET max_parallel_workers_per_gather = 0; SET search_path = public")
            for name, (expression, condition) in FORMS.items():
                print(f"comparing {name:<28} {compared(sql, expression, condition):6.2f} µs")
            for index in (
                "kind",
                "state_and_finalized_at_index",
                "prioritized_fetching_index",
                "args_index",
                "metadata_index",
            ):
                sql.execute(f"DROP INDEX river_job_{index}")
            sql.execute(f"ALTER TABLE river_job SET (autovacuum_enabled = off); {NOTHING}")
            spent: dict[str, list[float]] = {name: [] for name in TRIGGERS}
            for _ in range(ROUNDS):
                for name, triggers in TRIGGERS.items():
                    spent[name].append(ended(sql, triggers))
            for name, times in spent.items():
                print(f"a job's end, {name:<28} {min(times):6.2f} µs")


if __name__ == "__main__":
    main()
