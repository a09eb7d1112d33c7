"""Seen: the alerts of watcher.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case
from e2e.alert_environment import AlertEnvironment
from e2e.river import River
from e2e.riverkeeper_process import replica_at_work


@alert_case(7, "both keepers were killed", "they were started", RiverExporterDown="")
def exporter(environment: AlertEnvironment) -> Iterator[None]:
    for replica in environment.replicas:
        replica.program.kill()
    yield
    environment.replicas = [
        environment.start_replica(number, replica.address) for number, replica in enumerate(environment.replicas, 1)
    ]


@alert_case(6, "the way from the keepers to the database was cut", "it opened", RiverDatabaseUnreadable="")
def database(environment: AlertEnvironment) -> Iterator[None]:
    environment.database.refuse()
    yield
    environment.database.restore()


@alert_case(
    5,
    "somebody's transaction holds ACCESS EXCLUSIVE on river_migration",
    "it ended",
    RiverQueryFailing='query="migrations"',
)
def query_failing(environment: AlertEnvironment) -> Iterator[None]:
    with environment.locked("LOCK TABLE river_migration IN ACCESS EXCLUSIVE MODE"):
        yield


@alert_case(
    1, "a worker declared beats every 5 s, policy allows for 2 s", "it stopped", RiverPolicyRaised='tier="declared"'
)
def declared(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("declared", "-interval", "5s")
    environment.running("declared", "steady")
    yield
    worker.program.stop()


@alert_case(5, "the keeper of another River was scraped as a replica", "it was no more", RiverTargetsMixed="")
def mixed(environment: AlertEnvironment) -> Iterator[None]:
    environment.river.rows("CREATE DATABASE other")
    other = River(environment.river.url.replace("/river", "/other"))
    other.migrate()
    folder = environment.folder / "other"
    folder.mkdir()
    with replica_at_work(other.url, folder) as stranger:
        environment.scrape([*(replica.address for replica in environment.replicas), stranger.address])
        yield
        environment.scrape_the_replicas()
