"""A simulated River on a real table, with a naive count beside it. Time is ours: it goes where a test drives it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import cast

from riverkeeper.ledger.buckets import NO_DURATION, bucket_of
from riverkeeper.ledger.cells import NO_AMOUNT, Amount, Series, added
from riverkeeper.ledger.schedule import GAP_SECONDS, slot_of
from riverkeeper.postgres.connection import Session

START = 1_790_000_003.0
LATE = 600.0
NEVER = float("inf")

_FINISH = """
INSERT INTO river_job (id, state, attempt, attempted_at, scheduled_at, finalized_at, queue, kind)
SELECT e.id, e.state::river_job_state, e.attempt, to_timestamp(e.claimed), to_timestamp(e.finalized - 999),
       to_timestamp(e.finalized), e.queue, e.kind
FROM jsonb_to_recordset(%(rows)s::jsonb) AS e
    (id bigint, state text, attempt smallint, claimed float8, finalized float8, queue text, kind text)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
    attempted_at = excluded.attempted_at, finalized_at = excluded.finalized_at
"""
_COLUMNS = ("id", "state", "attempt", "claimed", "finalized", "queue", "kind")
_RETRY = "UPDATE river_job SET state = 'available', finalized_at = NULL WHERE id = ANY (%(ids)s)"  # Client.JobRetry
_DELETE = "DELETE FROM river_job WHERE id = ANY (%(ids)s)"


@dataclass
class Finish:
    """One job that finished: its row is there from `visible` to `gone`."""

    id: int
    state: str
    attempt: int
    claimed: float | None
    finalized: float
    queue: str
    kind: str
    visible: float
    gone: float = NEVER
    first_seen: float = NEVER  # by a collection that committed
    too_late: bool = False  # an outage too short to be noticed kept it back for more than a late window

    @property
    def series(self) -> Series:
        return Series("run", self.queue, self.kind, self.state)

    @property
    def micros(self) -> int:
        if self.claimed is None or self.state != "completed":
            return 0
        return max(0, round((self.finalized - self.claimed) * 1e6))

    @property
    def bucket(self) -> int:
        has_run = self.claimed is not None and self.state == "completed"
        return bucket_of(self.micros) if has_run else NO_DURATION

    @property
    def place(self) -> tuple[int, Series, int]:
        """Cell and bucket."""
        return slot_of(self.finalized), self.series, self.bucket


class World:
    """Workers whose clocks differ, batches that come late, people who retry jobs, a cleaner that deletes them."""

    def __init__(self, sql: Session, seed: int) -> None:
        self.now = START
        self.random = Random(seed)
        self.finishes: list[Finish] = []
        self.known: set[int] = set()  # index of finishes that were there when the ledger began
        self.sql = sql
        self._ids = iter(range(1, 1_000_000))
        self._coming: list[Finish] = []
        self._away_until = 0.0
        self._outages: list[float] = []  # their ends

    def work(self, jobs: int) -> None:
        """Jobs finish now, by clocks up to five minutes off, and become visible within the late window of these."""
        for _ in range(jobs):
            self._finish(next(self._ids), self.random.choice("pq"), self.random.choice("abc"))

    def outage(self, seconds: float) -> None:
        """The database is away: what workers finish has to wait until it is back."""
        self._away_until = self.now + seconds
        self._outages.append(self._away_until)
        for finish in self._coming:
            finish.visible = max(finish.visible, self._away_until + self.random.uniform(0, 60))
            finish.too_late |= seconds <= GAP_SECONDS and finish.visible > finish.finalized + LATE
        self.pass_time(seconds / 2)
        self.work(10)
        self.pass_time(self._away_until - self.now)

    def pass_time(self, seconds: float) -> None:
        """Rows whose time has come become visible."""
        self.now += seconds
        come = [finish for finish in self._coming if finish.visible <= self.now]
        if come:
            self._coming = [finish for finish in self._coming if finish.visible > self.now]
            self.finishes += come
            rows = [{name: getattr(finish, name) for name in _COLUMNS} for finish in come]
            self.sql.execute(_FINISH, {"rows": json.dumps(rows)})

    def retry(self, jobs: int) -> None:
        """Somebody retries finished jobs, which finish again."""
        chosen = self._choose(jobs)
        self._go(_RETRY, chosen)
        for finish in chosen:
            self._finish(finish.id, finish.queue, finish.kind)

    def clean(self, retention: float) -> None:
        """The cleaner deletes what has been finished for so long."""
        self._go(_DELETE, [finish for finish in self.present() if finish.finalized < self.now - retention])

    def delete(self, jobs: int) -> None:
        """Somebody deletes finished jobs."""
        self._go(_DELETE, self._choose(jobs))

    def present(self) -> list[Finish]:
        return [finish for finish in self.finishes if finish.gone == NEVER]

    def seen(self, slots: set[int], present: list[Finish]) -> None:
        """A collection that read these slots, when these rows were there, has committed."""
        for finish in present:
            if slot_of(finish.finalized) in slots:
                finish.first_seen = min(finish.first_seen, self.now)

    def begun(self) -> None:
        """What is there is known, not counted."""
        self.known = {id(finish) for finish in self.present()}

    def naive(self) -> tuple[dict[tuple[Series, int], Amount], set[tuple[Series, int]]]:
        """The naive count by series and bucket; and those where a row replaced another: there it may be less."""
        total: dict[tuple[Series, int], Amount] = {}
        replaced = set()
        for (_, *place), finishes in self._seen_by_place().items():
            series, bucket = cast(tuple[Series, int], tuple(place))
            new = [finish for finish in finishes if id(finish) not in self.known]
            amount = len(new), sum(one.micros for one in new), sum(one.attempt for one in new)
            total[series, bucket] = added(amount, total.get((series, bucket), NO_AMOUNT))
            if any(one.gone <= other.first_seen for one in finishes for other in finishes):
                replaced.add((series, bucket))
        return {place: amount for place, amount in total.items() if amount != NO_AMOUNT}, replaced

    def _seen_by_place(self) -> dict[tuple[int, Series, int], list[Finish]]:
        places: dict[tuple[int, Series, int], list[Finish]] = defaultdict(list)
        for finish in self.finishes:
            if finish.first_seen < NEVER:
                places[finish.place].append(finish)
        return places

    def missed(self) -> list[Finish]:
        """Finishes that should have been seen and were not: they stayed for two late windows without an outage."""
        unseen = [finish for finish in self.finishes if finish.first_seen == NEVER and not finish.too_late]
        return [finish for finish in unseen if self._stayed(finish) > 2 * LATE]

    def _stayed(self, finish: Finish) -> float:
        until = min(finish.gone, self.now)
        outages = [end for end in self._outages if end <= until]
        return until - max([finish.visible, finish.finalized, *outages])

    def _finish(self, number: int, queue: str, kind: str) -> None:
        random = self.random
        finalized = round(self.now + random.choice((0, 0, 0.3, -300, 300, random.uniform(-300, 300))), 6)
        delay = random.choice((0, 0.2, 0.2, 40, random.uniform(0, LATE)))
        in_time = max(self.now, min(self.now + delay, finalized + LATE))
        ran = random.choice((None, -3.0, 0.0, 0.01, random.expovariate(0.1), random.expovariate(0.001)))
        self._coming.append(
            Finish(
                id=number,
                state=random.choice(("completed", "completed", "completed", "discarded", "cancelled")),
                attempt=random.randint(1, 3),
                claimed=None if ran is None else round(finalized - ran, 6),
                finalized=finalized,
                queue=queue,
                kind=kind,
                visible=max(in_time, self._away_until),
            )
        )

    def _choose(self, jobs: int) -> list[Finish]:
        present = self.present()
        return self.random.sample(present, min(jobs, len(present)))

    def _go(self, statement: str, finishes: list[Finish]) -> None:
        self.sql.execute(statement, {"ids": [finish.id for finish in finishes]})
        for finish in finishes:
            finish.gone = self.now
