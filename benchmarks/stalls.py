"""False rescues: ten thousand healthy claims whose processes stall at random, below the limit, beside a live rescuer.

`python benchmarks/stalls.py [--waves 10]`; the figure is in docs/reliability.md. Time is ten times as quick as in the
standard tier: beats every second, a timeout of 3.5 s. Each wave is ten processes with a hundred claims each; between
two beats they wait 1 s, and one time in four up to 3.2 s. Meanwhile one more process falls silent: if its jobs are not
rescued, nobody was looking, and the figure means nothing.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riverkeeper.demo.postgres import start_postgres
from riverkeeper.heartbeat import ActiveClaim, Claim, HeartbeatTier
from riverkeeper.heartbeat.table import HeartbeatTable, WorkerProcess
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

PROCESSES, CLAIMS = 10, 100
INTERVAL, TIMEOUT, STALL = 1.0, 3.5, 3.2  # seconds
LIFE = 14.0
CONFIG = """
rescue: {mode: live, interval: 1s, grace: 0s, cooldown: 1s}
web: {listen_address: ["127.0.0.1:0"]}
tiers: {standard: {heartbeat_timeout: 3500ms, drain: 1s, fence: 1s}}
assign: [{tier: standard}]
"""
CLAIM = """
INSERT INTO river_job (kind, queue, state, attempt, attempted_at, attempted_by, args)
SELECT %(kind)s, 'default', 'running', 1, clock_timestamp(), ARRAY[%(client)s], '{}' FROM generate_series(1, %(count)s)
RETURNING id, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
DONE = "UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY (%(ids)s) AND state = 'running'"
RESCUED = "SELECT count(*) AS jobs FROM riverkeeper.rescue WHERE NOT dry_run AND kind = %(kind)s"


def process(url: str, number: int, waves: int, gaps: list[float]) -> None:
    """Works wave after wave; notes the time between the ends of two beats, all that is at stake."""
    chance = random.Random(number)
    table = HeartbeatTable(url, "public", "riverkeeper", WorkerProcess(f"worker{number}", INTERVAL))
    with Session(url) as session:
        for _ in range(waves):
            beats = claimed(session, f"worker{number}", "healthy", CLAIMS)
            beat_for(table, beats, LIFE, chance, gaps)
            session.execute(DONE, {"ids": [beat.claim.job_id for beat in beats]})
    table.close()


def claimed(session: Session, client: str, kind: str, count: int) -> list[ActiveClaim]:
    rows = session.execute(CLAIM, {"client": client, "kind": kind, "count": count})
    return [ActiveClaim(Claim(row.id, row.attempted_at, 1), HeartbeatTier(interval=INTERVAL), 0.0) for row in rows]


def beat_for(
    table: HeartbeatTable, beats: list[ActiveClaim], seconds: float, chance: random.Random, gaps: list[float]
) -> None:
    began = last = time.monotonic()
    while time.monotonic() - began < seconds:
        table.beat([(beat, beat.reported) for beat in beats], 10)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
        time.sleep(chance.uniform(INTERVAL, STALL) if chance.random() < 0.25 else INTERVAL)


@contextmanager
def rescuer(url: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        config, log = Path(folder) / "riverkeeper.yml", Path(folder) / "log"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "riverkeeper", "serve", "--config.file", str(config), "--database-url", url]
        with log.open("wb") as output:
            running = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield
        finally:
            running.terminate()
            running.wait()


def rescued(session: Session, kind: str) -> int:
    return int(session.execute(RESCUED, {"kind": kind})[0].jobs)


def control(url: str, session: Session) -> int:
    """How many of ten jobs were rescued whose process fell silent."""
    table = HeartbeatTable(url, "public", "riverkeeper", WorkerProcess("silent", INTERVAL))
    beat_for(table, claimed(session, "silent", "silent", 10), 2 * INTERVAL, random.Random(0), [])
    table.close()
    deadline = time.monotonic() + 60
    while rescued(session, "silent") < 10 and time.monotonic() < deadline:
        time.sleep(0.5)
    return rescued(session, "silent")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--waves", type=int, default=10)
    waves = arguments.parse_args().waves
    gaps: list[float] = []
    with start_postgres() as server:
        url = server.database("stalls")
        with Session(url) as session:
            session.execute(source("demo/river_table").replace("river.", "public."))
            install(url, None, None)
            with rescuer(url):
                threads = [
                    threading.Thread(target=process, args=(url, number, waves, gaps)) for number in range(PROCESSES)
                ]
                for thread in threads:
                    thread.start()
                seen = control(url, session)
                for thread in threads:
                    thread.join()
                false = rescued(session, "healthy")
                print(f"{waves * PROCESSES * CLAIMS} healthy claims, {len(gaps)} beats of {CLAIMS}: {false} rescues")
                print(f"longest silence {max(gaps):.2f} s, {sum(gap > TIMEOUT for gap in gaps)} beyond {TIMEOUT} s")
                print(f"of 10 jobs that fell silent, {seen} were rescued")


if __name__ == "__main__":
    main()
