"""How soon after a limit is passed is the rescue written, at the supervisor's default interval?

`python benchmarks/how_soon.py [--jobs 200] [--interval 2s]`; figures in docs/reliability.md. Each job's worker falls
silent at a moment of its own, while others beat. Taken from the audit: `late_seconds` counts from the limit on, by the
database's clock, to the locks of the rescue. Heartbeat times are a tenth of the defaults, so that it ends in a minute.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import threading
import time
from pathlib import Path

from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.demo.postgres import start_postgres
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install
from riverkeeper.service import Service

TIMEOUT = 3.5
TIER = "{heartbeat_timeout: 3500ms, drain: 1s, fence: 3s, plain_fence: 3s}"
CLAIM = """
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, args)
SELECT 'report', 'running', 1, now(), ARRAY['worker'], '{}' FROM generate_series(1, %(jobs)s)
"""
BEAT = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT id, attempted_at, attempt, md5(id::text)::uuid, '1 s', now() FROM river_job
WHERE state = 'running' AND id > %(dead)s ORDER BY id
ON CONFLICT (job_id, attempted_at) DO UPDATE SET beat_at = now() WHERE heartbeat.lost_at IS NULL
"""
PROCESS = """
INSERT INTO riverkeeper.client
SELECT md5(id::text)::uuid, 'worker ' || id, now(), '1 s', NULL, true, 'benchmark', now() FROM river_job
WHERE state = 'running' AND id > %(dead)s ORDER BY id
ON CONFLICT (instance) DO UPDATE SET beat_at = now()
"""
PROVEN = "SELECT path_ok_since < clock_timestamp() - interval '4 s' AS ok FROM riverkeeper.control"
LATE = "SELECT late_seconds FROM riverkeeper.rescue ORDER BY late_seconds"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--interval", default="2s")
    given = parser.parse_args()
    with start_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.database("how_soon")
        server.execute(source("demo/river_table").replace("river.", "public."), "how_soon")
        install(url, None, None)
        file = Path(folder, "riverkeeper.yml")
        rescue = f"{{mode: live, interval: {given.interval}, grace: 0s, max_per_minute: 100000, max_share: 1.0}}"
        file.write_text(f"rescue: {rescue}\ntiers: {{standard: {TIER}}}\n")
        config = load(file, {}, Options(database_url=url))
        service = Service(config, lambda: config)
        service.start()
        with Session(url) as sql:
            show(measured(sql, given.jobs), config.rescue.interval)
        service.close()


def measured(sql: Session, jobs: int) -> list[float]:
    """Seconds from limit to rescue, of each job, in order."""
    dead, quiet = 0, threading.Event()
    sql.execute(CLAIM, {"jobs": jobs + 1})
    while not sql.execute(PROVEN)[0].ok:
        beat(sql, 0)
        quiet.wait(0.2)
    began = time.monotonic()
    while dead < jobs:  # one falls silent every 0.1 s or so, at no fixed place in the supervisor's interval
        dead = min(jobs, int((time.monotonic() - began) / 0.13))
        beat(sql, dead)
        quiet.wait(0.05)
    while len(late := sql.execute(LATE)) < jobs:
        beat(sql, dead)
        quiet.wait(0.2)
    return [row.late_seconds for row in late]


def beat(sql: Session, dead: int) -> None:
    """Every worker but the first `dead` ones beats: each is a process of its own, and has one job."""
    values = {"dead": dead}
    sql.execute(PROCESS, values)
    sql.execute(BEAT, values)


def show(late: list[float], interval: float) -> None:
    p99 = late[math.ceil(len(late) * 0.99) - 1]
    print(f"{len(late)} rescues, an interval of {interval:g} s; seconds from the limit to the rescue:")
    print(
        f"p50 {statistics.median(late):.2f}, p99 {p99:.2f}, longest {late[-1]:.2f}; wanted: p99 under {interval + 1:g}"
    )


if __name__ == "__main__":
    main()
