"""Plain heartbeats for workers in Python: the whole client. It needs psycopg 3, and the statements of clients/sql."""

import logging
import os
import random
import re
import socket
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import psycopg


class PlainBeats:
    """Beats from now on. While a job is at work, `jobs[job_id, attempted_at]` is what cancels it: `cancel(cause)`."""

    def __init__(self, url, client_id, interval=10.0, river="public", keeper="riverkeeper", folder="clients/sql"):
        texts = [(Path(folder) / f"{name}.sql").read_text(encoding="utf-8") for name in ("meta", "beat_plain")]
        names = {"river": river, "keeper": keeper}
        self.meta, self.beat = [
            re.sub(r"\b(river|keeper)\.", lambda word: names[word[1]] + ".", text) for text in texts
        ]
        self.url, self.client_id, self.interval, self.river = url, client_id, interval, river
        self.instance, self.jobs, self.beats, self.failures, self.logged = uuid.uuid4(), {}, 0, 0, set()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        limits = f"-c search_path=pg_catalog,pg_temp -c row_security=off -c statement_timeout={self.interval * 500:.0f}"
        while True:
            began, asked_at = time.monotonic(), float("-inf")
            try:
                connection = psycopg.connect(self.url, autocommit=True, connect_timeout=2, options=limits)
                with closing(connection), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                    while True:
                        timer = threading.Timer(self.interval / 2, wire.shutdown, [socket.SHUT_RDWR])
                        timer.start()  # no answer may come
                        try:
                            asked_at = self.check(connection, began) if began - asked_at > 50 else asked_at
                            self.tick(connection)
                        finally:
                            timer.cancel()
                        self.beats, self.logged = self.beats + 1, set()
                        began = self.pause(began)
            except Exception as error:  # proves nothing: cancel nothing, and try again on a new connection
                self.failures += 1
                if type(error) not in self.logged:
                    logging.warning("no heartbeat, jobs continue: %s", error)
                self.logged.add(type(error))
            self.pause(began)

    def pause(self, began):
        time.sleep(max(0.0, began + self.interval * random.uniform(0.9, 1.0) - time.monotonic()))
        return time.monotonic()

    def check(self, connection, now):
        row = connection.execute(self.meta).fetchone()
        if row is None or row[0] != self.river or row[1] < 2 or row[2] > 2:
            raise RuntimeError(f"this keeper schema is not ours, or its version does not fit: {row}")
        return now

    def tick(self, connection):
        keys = list(self.jobs)
        ids, times = [job_id for job_id, _ in keys], [at for _, at in keys]
        values = {"instance": self.instance, "client_id": self.client_id, "beat_interval": f"{self.interval} seconds"}
        values |= {"job_ids": ids, "attempted_ats": times}
        for ordinal, status in connection.execute(self.beat, values).fetchall():
            key = keys[ordinal - 1]
            cancel = self.jobs.pop(key, None) if status in ("lost", "finished") else self.jobs.get(key)
            if cancel and status in ("lost", "stop"):  # every beat says `stop`: let `cancel` cancel only once
                cancel("claim_lost" if status == "lost" else "stop_requested")
