"""The database is away for a while, for leased workers too; afterwards a worker dies, and its jobs do not wait."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from conformance.proxy import proxied
from e2e.conftest import MakeRiver
from e2e.river import River, fleet_at_work
from e2e.riverkeeper_process import replica_at_work, riverkeeper
from fixtures.waiting import until

CONFIG = "rescue: {mode: live, grace: 0s}\nassign: [{tier: urgent}]\n"  # everything else at its default
FLAGS = ("-queues", "default", "-beat", "table", "-interval", "2s", "-lease", "5s", "-workers", "6")
SOON = 30.0  # seconds
BEATING = """
SELECT j.id FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = 'steady' AND j.state = 'running' AND j.attempt = 1 AND h.lost_at IS NULL
"""
HOLDER = """
SELECT j.attempted_by[cardinality(j.attempted_by)], array_agg(j.id)
FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = 'steady' AND j.state = 'running' AND j.attempt = 1 AND h.lost_at IS NULL
GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
"""
AWAY = "SELECT 1 FROM riverkeeper.control WHERE path_probe_at < clock_timestamp() - interval '12 s'"
VERIFIED = "SELECT 1 FROM riverkeeper.control WHERE path_ok_since < clock_timestamp() - interval '20 s'"
AGAIN = "SELECT id FROM river_job WHERE id = ANY(%(jobs)s) AND state = 'completed' AND attempt = 2"
FALSE = "SELECT job_id, reason, old_worker, old_outcome FROM riverkeeper.rescue WHERE was_false"


def test_a_worker_that_dies_after_an_outage_is_rescued_soon(river_database: MakeRiver, tmp_path: Path) -> None:
    """Claims that leased workers gave up in the outage are no false rescues, and hold nobody's rescue afterwards."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    (tmp_path / "riverkeeper.yml").write_text(CONFIG)
    with contextlib.ExitStack() as programs:
        proxy = programs.enter_context(proxied(river.url))
        through = River(proxy.url, river.schema, "fleet")
        flags = ("--config.file", str(tmp_path / "riverkeeper.yml"))
        programs.enter_context(replica_at_work(proxy.url, tmp_path, "", *flags))
        names = ("worker0", "worker1", "worker2")
        fleet = {name: programs.enter_context(fleet_at_work(through, tmp_path, name, *FLAGS)) for name in names}
        river.insert(9, "-kinds", "steady", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == 9, "nine jobs to beat", 60)
        proxy.refuse()
        until(lambda: river.rows(AWAY), "twelve seconds without the database", 60)
        proxy.restore()
        river.insert(6, "-kinds", "steady", "-queues", "default")
        until(lambda: river.rows(VERIFIED), "half a minute after it", 120)
        [(holder, lost)] = until(lambda: river.rows(HOLDER), "a worker with a job", 60)
        fleet[holder].program.kill()
        began = time.monotonic()
        until(lambda: len(river.rows(AGAIN, jobs=lost)) == len(lost), f"second attempts of {lost}", 330)
        took = time.monotonic() - began

    sys.stdout.write(f"{len(lost)} jobs of a worker that died after an outage were worked again after {took:.1f} s\n")
    assert river.rows(FALSE) == []
    assert took < SOON
