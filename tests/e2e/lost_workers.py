"""A rescuer at work beside real River workers that lose their jobs, and what must be true of the jobs afterwards.

The urgent tier, somewhat quicker, so that a rescue takes ten seconds. A witness works in a queue of its own and is
never lost: where nobody beats, missed beats prove nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2e.rescue_environment import let_beat
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until

TIER = {"heartbeat_timeout": "5s", "drain": "1s", "fence": "2s"}
CONFIG = """
rescue: {{mode: live, interval: 1s, grace: 0s, cooldown: 1s, batch: {batch}}}
learned_limits: {{enabled: false}}
assign: [{{tier: urgent}}]
tiers: {{urgent: {tier}}}
"""
LOST = "Stuck job rescued by Riverkeeper: worker_lost, "
PATIENCE = 60.0  # seconds; promise 5 gives the urgent tier fifteen, on a machine with less to do
RUNNING = """
SELECT j.id FROM river_job AS j JOIN heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = %(kind)s AND j.state = 'running' AND h.lost_at IS NULL ORDER BY j.id
"""
RESCUED = "SELECT count(*) FROM rescue WHERE action = 'retry' AND job_id = ANY(%(jobs)s)"
COMPLETED = "SELECT count(*) FROM river_job WHERE state = 'completed' AND id = ANY(%(jobs)s)"
ENDS = """
SELECT id, state::text, attempt, attempted_by, coalesce(errors, '{}'), metadata -> 'river:rescue_count'
FROM river_job WHERE id = ANY(%(jobs)s)
"""
UNTOUCHED = "SELECT 1 FROM river_job WHERE id <> ALL(%(jobs)s) AND (attempt > 1 OR errors IS NOT NULL)"
AUDIT = "SELECT job_id, attempt, reason, action, tier, woken_by, dry_run, old_worker FROM rescue ORDER BY job_id, at"


@dataclass(slots=True)
class LostWorkers:
    """Replicas, and the workers by the client id that River writes into a job."""

    river: River
    folder: Path
    programs: contextlib.ExitStack
    flags: tuple[str, ...] = ()  # of every worker
    replicas: list[RiverkeeperProcess] = field(default_factory=list)
    workers: dict[str, Fleet] = field(default_factory=dict)

    def hire(self, name: str, queues: str, *flags: str, program: str = "", url: str = "") -> Fleet:
        """One more worker, which beats already; what it is the only one to work in, it gets.

        `program` is another one than lays out the tables, and `url` another way to them.
        """
        chosen = ("-queues", queues, "-beat", "table", "-interval", "1s", *self.flags, *flags)
        river = replace(self.river, program=program or self.river.program, url=url or self.river.url)
        self.workers[name] = self.programs.enter_context(fleet_at_work(river, self.folder, name, *chosen))
        let_beat(self.river, name)
        return self.workers[name]

    def jobs(self, kind: str, count: int = 1) -> list[int]:
        """The jobs of a kind, once so many run and beat."""

        def all_run() -> list[int] | None:
            found = [job for (job,) in self.river.rows(RUNNING, kind=kind)]
            return found if len(found) == count else None

        return until(all_run, f"{count} {kind} jobs to run and to beat")

    def wait_for_rescues(self, jobs: list[int]) -> None:
        until(lambda: self.counted(RESCUED, jobs) == len(jobs), f"rescues of {jobs}", PATIENCE)

    def wait_for_the_end(self, jobs: list[int]) -> None:
        until(lambda: self.counted(COMPLETED, jobs) == len(jobs), f"{jobs} to be completed", PATIENCE)

    def counted(self, statement: str, jobs: list[int]) -> int:
        [(count,)] = self.river.rows(statement, jobs=jobs)
        return int(count)

    def acting(self) -> list[RiverkeeperProcess]:
        """The replicas that report to be active."""
        return [replica for replica in self.replicas if replica.scrape().value("riverkeeper_actor")]

    def false_rescues(self) -> float:
        """Late finishes that the replicas have counted."""
        pages = [replica.scrape() for replica in self.replicas]
        return sum(sum(page.values("riverkeeper_late_finishes_total", "queue", "kind").values()) for page in pages)


@contextlib.contextmanager
def crew_at_work(
    river: River,
    folder: Path,
    *,
    url: str = "",
    replicas: int = 1,
    batch: int = 100,
    workers: tuple[str, ...] = (),
    **tier: str,
) -> Iterator[LostWorkers]:
    """Replicas in live mode, and the witness; `url` is their database, `workers` are the workers' flags."""
    riverkeeper(river, "schema", "install")
    config = folder / "riverkeeper.yml"
    config.write_text(CONFIG.format(batch=batch, tier=json.dumps({**TIER, **tier})))
    with contextlib.ExitStack() as programs:
        lost_workers = LostWorkers(river, folder, programs, workers)
        for number in range(replicas):
            place = folder / f"keeper{number + 1}"
            place.mkdir()
            flags = ("--config.file", str(config))
            lost_workers.replicas.append(
                programs.enter_context(replica_at_work(url or river.url, place, river.schema, *flags))
            )
        lost_workers.hire("witness", "witness")
        yield lost_workers


def assert_worked_once_more(lost_workers: LostWorkers, jobs: list[int], by: str) -> None:
    """Each of these jobs was rescued once and worked once more, to its end; no other was touched, nobody was alive."""
    for job, state, attempt, workers, errors, rescues in lost_workers.river.rows(ENDS, jobs=jobs):
        assert (state, attempt, rescues) == ("completed", 2, 1), f"job {job}: {errors}"
        assert [error["attempt"] for error in errors] == [1], f"job {job}: {errors}"
        assert errors[0]["error"].startswith(LOST), errors
        assert workers[1:] == [by]
    assert not lost_workers.river.rows(UNTOUCHED, jobs=jobs)
    expected = [(job, 1, "worker_lost", "retry", "urgent", "supervisor", False, None) for job in sorted(jobs)]
    assert lost_workers.river.rows(AUDIT) == expected
    assert lost_workers.false_rescues() == 0
