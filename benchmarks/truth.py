"""How far a reading is from the truth: exact where it says so, and how wrong where it says that it estimates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from riverkeeper.postgres.connection import Session
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Partition

Key = tuple[str, str, int]

WAITING = """
SELECT state::text AS state, queue, priority, count(*) AS jobs FROM river_job
WHERE state IN ('available', 'pending', 'retryable', 'scheduled') GROUP BY 1, 2, 3
"""
KINDS = """
SELECT state::text AS state, queue, kind, count(*) AS jobs FROM river_job
WHERE finalized_at IS NULL GROUP BY 1, 2, 3
"""
RUNNING = """
SELECT queue, kind, priority, count(*) AS jobs FROM river_job WHERE state = 'running' GROUP BY 1, 2, 3
"""
BEATING = """
SELECT count(*) AS jobs FROM river_job
WHERE state = 'running' AND (metadata ->> 'health_check_at')::timestamptz >= attempted_at
"""
IN_THE_TABLE = "SELECT count(*) AS jobs FROM riverkeeper.heartbeat"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Differences between a reading and GROUP BY."""

    wrong: int  # numbers that claim to be exact and are not
    exact: int  # numbers that claim to be exact
    estimated: int  # parts of the queue
    total_error: float | None  # of the sum of each state with an estimate, the worst; 0.1 is 10 % too many
    queue_error: float | None  # of each (state, queue) with an estimate, the worst

    def __str__(self) -> str:
        claims = f"{self.exact} exact" if not self.wrong else f"{self.wrong} of {self.exact} WRONG"
        if self.total_error is None or self.queue_error is None:
            return claims
        return (
            f"{claims}, {self.estimated} estimated: total {self.total_error:+.0%}, worst queue {self.queue_error:+.0%}"
        )


def judge(url: str, snapshot: Snapshot) -> Verdict:
    """Hold a reading against the table, in which nothing moves."""
    with Session(url, "benchmark") as sql:
        waiting = {(row.state, row.queue, row.priority): row.jobs for row in sql.execute(WAITING)}
        kinds = {(row.state, row.queue, row.kind): row.jobs for row in sql.execute(KINDS)}
        running = {(row.queue, row.kind, row.priority): row.jobs for row in sql.execute(RUNNING)}
        table = sql.execute("SELECT to_regclass('riverkeeper.heartbeat') AS name")[0].name
        beating = sql.execute(IN_THE_TABLE if table else BEATING)[0].jobs  # no shape has both
    parts = snapshot.partitions or ()
    claims = [part.jobs == waiting.get(_key(part), 0) for part in parts if not part.estimated]
    claims += [waiting.keys() == {_key(part) for part in parts}]
    claims += [
        kind.jobs == kinds[kind.state, kind.queue, kind.kind] for kind in snapshot.waiting_kinds or () if kind.complete
    ]
    pairs = snapshot.running.pairs if snapshot.running else ()
    claims += [pair.jobs == running[pair.queue, pair.kind, pair.priority] for pair in pairs]
    claims += [len(pairs) == len(running)]
    claims += [sum(pair.beating for pair in pairs) == beating]
    return Verdict(
        wrong=claims.count(False),
        exact=len(claims),
        estimated=sum(part.estimated for part in parts),
        total_error=_worst(parts, waiting, lambda part: part.state),
        queue_error=_worst(parts, waiting, lambda part: (part.state, part.queue)),
    )


def _worst(
    parts: tuple[Partition, ...], truth: Mapping[Key, int], group: Callable[[Partition], object]
) -> float | None:
    """The largest error of a group's sum, as a share of the truth; of groups with an estimate in them."""
    read: Counter[object] = Counter()
    real: Counter[object] = Counter()
    for part in parts:
        read[group(part)] += part.jobs
        real[group(part)] += truth.get(_key(part), 0)
    estimated = {group(part) for part in parts if part.estimated}
    return max((read[name] / real[name] - 1 for name in estimated), key=abs, default=None)


def _key(part: Partition) -> Key:
    return part.state, part.queue, part.priority
