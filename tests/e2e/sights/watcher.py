"""Seen: the alerts of watcher.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.keeper import keeper_at_work
from e2e.river import River
from e2e.sights.sight import sight
from e2e.theatre import Theatre


@sight(7, "both keepers were killed", "they were started", RiverExporterDown="")
def exporter(theatre: Theatre) -> Iterator[None]:
    for keeper in theatre.keepers:
        keeper.program.kill()
    yield
    theatre.keepers = [theatre.start_keeper(number, keeper.address) for number, keeper in enumerate(theatre.keepers, 1)]


@sight(6, "the way from the keepers to the database was cut", "it opened", RiverDatabaseUnreadable="")
def database(theatre: Theatre) -> Iterator[None]:
    theatre.database.refuse()
    yield
    theatre.database.restore()


@sight(
    5,
    "somebody's transaction holds ACCESS EXCLUSIVE on river_migration",
    "it ended",
    RiverQueryFailing='query="migrations"',
)
def query_failing(theatre: Theatre) -> Iterator[None]:
    with theatre.locked("LOCK TABLE river_migration IN ACCESS EXCLUSIVE MODE"):
        yield


@sight(1, "a worker declared beats every 5 s, policy allows for 2 s", "it stopped", RiverPolicyRaised='tier="declared"')
def declared(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("declared", "-interval", "5s")
    theatre.running("declared", "steady")
    yield
    worker.program.stop()


@sight(5, "the keeper of another River was scraped as a replica", "it was no more", RiverTargetsMixed="")
def mixed(theatre: Theatre) -> Iterator[None]:
    theatre.river.rows("CREATE DATABASE other")
    other = River(theatre.river.url.replace("/river", "/other"))
    other.migrate()
    folder = theatre.folder / "other"
    folder.mkdir()
    with keeper_at_work(other.url, folder) as stranger:
        theatre.scrape([*(keeper.address for keeper in theatre.keepers), stranger.address])
        yield
        theatre.scrape_the_keepers()
