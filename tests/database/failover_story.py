"""Workers, a keeper, an alert and a person, before and after a failover that loses what was done last."""

from __future__ import annotations

from pathlib import Path

from conformance.floor import Event
from database import keepers
from database.keepers import BEAT, TIMEOUT, Fleet, Look, Worker, when
from database.rescue_scene import SCHEMAS, did_it_commit
from database.standby import Pair
from riverkeeper.brakes.control import stop
from riverkeeper.config.load import Config
from riverkeeper.postgres.connection import Database
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.verdict.job import Claim

QUIET = TIMEOUT + 4 * BEAT  # after which all that is silent would have been found
AGAIN = """
UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
    attempted_by = attempted_by || %s::text
WHERE state IN ('available', 'retryable')
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
BEATEN = "SELECT count(*) AS n FROM riverkeeper.heartbeat WHERE job_id = ANY (%(ids)s) AND attempt = %(attempt)s"


def configured(folder: Path, url: str) -> Config:
    """Live, but for jobs of kind `trial`."""
    return keepers.configured(folder, url, others="trial: {mode: dry_run}", assign="{kind: trial, tier: trial}")


class Story:
    """One failover. `old` and `new` look at the two servers, whichever of them serves."""

    def __init__(self, pair: Pair, fleet: Fleet, old: Look, new: Look) -> None:
        self.pair, self.old, self.new = pair, old, new
        self.alive, self.late = fleet.worker(20), fleet.worker(10)
        self.dead, self.away, self.trial = fleet.worker(5), fleet.worker(2), fleet.worker(1)
        old.sql.execute("UPDATE river_job SET kind = 'trial' WHERE id = %s", [ids(self.trial)[0]])
        self.fleet = fleet
        self.second = self.fresh = self.dead
        self.committed: list[bool | None] = []
        self.before: Event = {}  # the new server's table `control`, and then when the keeper had noticed
        self.proven: Event = {}

    def lose(self) -> None:
        """All of it commits on the old primary, and on it alone."""
        when(lambda: beats(self.old) == 38 and self.old.counts_for(0.0), "the path to be proven, and all to beat")
        self.pair.cut()
        for worker in (self.dead, self.away, self.trial):
            worker.alive = False
        when(lambda: self.old.rescued() == 8, "the rescues that will be lost")
        self.fresh, self.second = self.fleet.worker(3), self.fleet.worker()
        self.second.claims = list(self.old.sql.execute(AGAIN, [self.second.name]).fetchall())
        when(lambda: self._beats_for(self.fresh, 1) and self._beats_for(self.second, 2), "the new claims to beat")
        database = Database(self.pair.primary.database_url("river"))
        with database.writing(5.0, SCHEMAS) as tx:
            began = self.old.one("SELECT extract(epoch FROM now())::float8 AS at")["at"]
            inbox.receive(tx, [Call("f1", began, "Stuck", Scope())], 3600.0)
            stop(tx, "ann@desk", "deploy")
        database.close()

    def fail_over(self) -> None:
        """The late one needs a moment more than the others to come back."""
        self.late.alive = False
        self.before = self.new.control()
        self.pair.fail_over()
        self.committed.append(self.commits())
        since = self.before["path_ok_since"]
        when(lambda: self.new.control()["path_ok_since"] not in {since, None}, "the path to begin anew")
        self.proven = self.new.control()

    def go_on(self) -> None:
        when(lambda: self.new.counts_for(BEAT), "a pass over claims that nobody has beaten for yet")
        self.late.alive = self.away.alive = True
        when(lambda: self.new.rescued() == 6, "the rescues to be made again")
        when(lambda: self.new.counts_for(QUIET), "a quiet time after it")
        self.committed.append(self.commits())

    def commits(self) -> bool | None:
        """Whether the server that is there has the rescue of a job whose worker died."""
        [claim, *_] = self.dead.claims
        database = Database(self.pair.way.url)
        try:
            named = Claim(claim["job_id"], claim["attempt"], claim["attempted_at"])
            return did_it_commit(database, SCHEMAS, named)
        finally:
            database.close()

    def _beats_for(self, worker: Worker, attempt: int) -> bool:
        asked = {"ids": ids(worker), "attempt": attempt}
        return bool(self.old.one(BEATEN, asked)["n"] == len(worker.claims))


def beats(look: Look) -> int:
    """How many claims have beaten."""
    return int(look.one("SELECT count(*) AS n FROM riverkeeper.heartbeat")["n"])


def ids(worker: Worker) -> list[int]:
    return [claim["job_id"] for claim in worker.claims]
