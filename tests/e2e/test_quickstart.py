"""docs/quickstart.md to its end with real River workers: one is killed, and its job runs again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import MakeFleet
from e2e.programs import free_port
from e2e.river import River
from fixtures.quickstart import WORKER_RIGHTS, Newcomer, commands, make_logins
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server, start_postgres

CLAIMED = "SELECT 1 FROM river_job WHERE state = 'running' AND attempted_by = ARRAY['web-1']"
AGAIN = "SELECT 1 FROM river_job WHERE state = 'running' AND attempt = 2 AND attempted_by = ARRAY['web-1', 'web-2']"
BEATING = "SELECT 1 FROM riverkeeper.client HAVING count(*) = 2"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own, with the logins of the page."""
    with start_postgres() as server:
        make_logins(server)
        yield server


def test_a_newcomer_sees_a_rescue(server: Server, fleet: MakeFleet, tmp_path: Path) -> None:
    """Every command prints what the page shows, and the job of a worker that is killed runs again in another.

    The workers beat by the line of step 5, without an option.
    """
    owner, workers = River(server.database_url("shop", "app")), River(server.database_url("shop", "app_worker"))
    owner.migrate()
    owner.rows(WORKER_RIGHTS)
    newcomer = Newcomer(server, tmp_path)
    _, _, look, grants, schema, check, _, check_again, live, serve, observing, well, rescued = commands()

    old = fleet(workers, "old", "-queues", "default")
    for command in (look, grants, schema, check):
        newcomer.run(command)
    old.program.stop()
    killed = fleet(workers, "web-1", "-queues", "default", "-beat", "plugin")
    owner.rows("INSERT INTO river_job (kind, args, max_attempts) VALUES ('steady', '{}', 25)")
    until(lambda: owner.rows(CLAIMED), "the job to be claimed")
    fleet(workers, "web-2", "-queues", "default", "-beat", "plugin")
    until(lambda: owner.rows(BEATING), "both workers to beat")
    for command in (check_again, live):
        newcomer.run(command)
    with newcomer.serving(serve, free_port()) as log:
        newcomer.compare(observing.printed, newcomer.output("riverkeeper check"))
        until(lambda: "All is well" in newcomer.output("riverkeeper check"), "the grace period to end", every=1.0)
        newcomer.compare(well.printed, newcomer.output("riverkeeper check"))
        killed.program.kill()
        (line,) = until(lambda: [each for each in log().splitlines() if "message=rescued" in each], "the rescue")
        newcomer.compare(rescued.printed, line)
        until(lambda: owner.rows(AGAIN), "the other worker to run the job")
