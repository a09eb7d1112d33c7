"""Follows each lost job until it runs again, and prints a line then, or why it has not come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Protocol

from riverkeeper.config.load import Config
from riverkeeper.config.tiers import DAY
from riverkeeper.demo.postgres import Table
from riverkeeper.demo.recovery import (
    PATIENCE_SECONDS,
    FalseRescues,
    LostClaim,
    LostJob,
    Recovery,
    explain_wait,
    summarize_recoveries,
)
from riverkeeper.rescue.audit.history import read_report
from riverkeeper.schema.schemas import open_keeper

LOOK_SECONDS = 0.5
ASK_SECONDS = 5.0
AUDIT_SECONDS = 10.0


class ForecastSource(Protocol):
    """Answers what /stuck.json says."""

    def stuck(self) -> dict[str, object] | None: ...


class RecoveryWatch:
    """The lost jobs of one run."""

    def __init__(self, table: Table, exporter: ForecastSource, say: Callable[[str], None]) -> None:
        self._table = table
        self._exporter = exporter
        self._say = say
        self._open: list[LostClaim] = []
        self._explained: set[LostClaim] = set()
        self._ended: list[LostJob] = []
        self._asked_at = float("-inf")

    @property
    def back(self) -> int:
        """Jobs that run again."""
        return sum(job.recovery.again_at is not None for job in self._ended)

    def add(self, lost: Iterable[LostClaim]) -> None:
        self._open += lost

    def look(self, now: float) -> None:
        """Print what has ended since, and once for each job why it takes longer. Raises DatabaseError."""
        jobs = self._read()
        for job in jobs:
            if sentence := job.sentence:
                self._say(sentence)
                self._ended.append(job)
                self._open.remove(job.lost)
        late = [job for job in jobs if job.lost in self._open and self._is_late(job, now)]
        if late and now - self._asked_at >= ASK_SECONDS:
            self._asked_at = now
            page = self._exporter.stuck()
            for job in late:
                self._explained.add(job.lost)
                self._say(explain_wait(job, page))

    def summarize(self, config: Config, killed_workers: int) -> list[str]:
        """The summary's lines. Raises DatabaseError."""
        return summarize_recoveries([*self._ended, *self._read()], killed_workers, _count_false_rescues(config))

    def _is_late(self, job: LostJob, now: float) -> bool:
        return now - job.lost.at > PATIENCE_SECONDS and job.lost not in self._explained

    def _read(self) -> list[LostJob]:
        if not self._open:
            return []
        claims = [
            {"number": number, "job_id": lost.job_id, "attempted_at": lost.claimed_at}
            for number, lost in enumerate(self._open)
        ]
        rows = self._table.run("read_recoveries", {"claims": json.dumps(claims)})
        return [
            LostJob(
                self._open[row.number],
                Recovery(row.noticed_at, row.rescued_at, row.again_at, row.progress_at, row.state),
            )
            for row in rows
        ]


def _count_false_rescues(config: Config) -> FalseRescues:
    with open_keeper(config, AUDIT_SECONDS) as tx:
        counts = [each for each in read_report(tx, DAY) if not each.dry_run]
    return FalseRescues(
        sum(each.claims for each in counts),
        sum(each.false_claims for each in counts),
        sum(each.known for each in counts),
    )
