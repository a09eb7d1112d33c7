"""The exporter as a process among others: how it starts, ends, and lives through a database that is away."""

from __future__ import annotations

from e2e.conftest import MakeReplica, MakeRiver
from e2e.river import River
from fixtures.waiting import until
from riverkeeper.demo.postgres import start_postgres


def test_ready_before_anyone_scrapes(river_database: MakeRiver, replica: MakeReplica) -> None:
    """Ready comes by itself: Kubernetes sends no scrape to what is not ready, so a first scrape must not be needed."""
    started = replica(river_database().url)  # waits for /-/ready, and asks nothing else

    assert started.ready()


def test_sigterm_ends_in_order(river_database: MakeRiver, replica: MakeReplica) -> None:
    """SIGTERM ends the process with exit code 0, and without a word of complaint."""
    started = replica(river_database().url)
    started.scrape()

    started.program.stop()

    assert "Traceback" not in started.program.log
    assert "level=error" not in started.program.log


def test_survives_an_outage(replica: MakeReplica) -> None:
    """While the database is away every scrape is answered, with river_up 0; when it is back so is the page."""
    with start_postgres() as server:
        river = River(server.database("river"))
        river.migrate()
        river.insert(50, "-kinds", "short")
        watching = replica(river.url)
        assert watching.scrape().value("river_up") == 1

        server.stop()
        until(lambda: watching.scrape().value("river_up") == 0, "the page to say that the database is away")
        server.start()
        until(lambda: watching.scrape().value("river_up") == 1, "the page to recover")

        assert sum(watching.scrape().values("river_jobs", "queue", "state").values()) == 50
