"""Seen: the alerts of riverkeeper.yml, which are about Riverkeeper itself, and the wake.

Not among them: two clocks that differ, a ledger that may not be written, and replicas of which none is active.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

from e2e.alert_cases.case import alert_case
from e2e.alert_environment import AlertEnvironment
from e2e.river import River
from e2e.riverkeeper_process import replica_at_work


@alert_case(1, "kill -9 of the worker of a running job", "the rescuer", RiverRescueWake='queue="lost"')
def worker_lost(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("lost")
    environment.running("lost", "steady")
    worker.program.kill()
    yield
    environment.worker("lost")


@alert_case(1, "a job that reports progress once, and hangs", "the rescuer", RiverRescueWake='queue="hung"')
def job_hung(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("hung")
    environment.running("hung", "stalled")
    yield


@alert_case(
    5,
    "somebody's transaction holds ACCESS EXCLUSIVE on river_migration",
    "it ended",
    RiverkeeperScrapesIncomplete='query="migrations"',
)
def query_failing(environment: AlertEnvironment) -> Iterator[None]:
    with environment.river.locked("LOCK TABLE river_migration IN ACCESS EXCLUSIVE MODE"):
        yield


@alert_case(
    5,
    "the Riverkeeper of another River was scraped as a replica",
    "it was no more",
    RiverkeeperTargetsMixed='cause="several_rivers"',
)
def several_rivers(environment: AlertEnvironment) -> Iterator[None]:
    environment.river.rows("CREATE DATABASE other")
    other = River(environment.river.url.replace("/river", "/other"))
    other.migrate()
    folder = environment.folder / "other"
    folder.mkdir()
    with replica_at_work(other.url, folder) as stranger:
        environment.scrape([*(replica.address for replica in environment.replicas), stranger.address])
        yield
        environment.scrape_the_replicas()


@alert_case(
    8,
    "the replicas had different values of a label that replica_labels does not name",
    "the label was dropped",
    RiverkeeperTargetsMixed='cause="replica_labels"',
)
def replica_labels(environment: AlertEnvironment) -> Iterator[None]:
    targets = [
        {"targets": [replica.address], "labels": {"zone": zone}}
        for replica, zone in zip(environment.replicas, "ab", strict=True)
    ]
    new = environment.folder / "targets.new"
    new.write_text(json.dumps(targets))
    new.replace(environment.folder / "targets.json")
    yield
    environment.scrape_the_replicas()


@alert_case(5, "the network between Alertmanager and Riverkeeper was cut", "it opened", RiverkeeperWebhookNotReached="")
def webhook(environment: AlertEnvironment) -> Iterator[None]:
    environment.webhook.refuse()
    yield
    environment.webhook.restore()


@alert_case(5, "a mistake was written into the configuration; SIGHUP", "it was corrected", RiverkeeperReloadFailed="")
def reload_failed(environment: AlertEnvironment) -> Iterator[None]:
    _, name = environment.flags
    file = environment.folder / name
    right = file.read_text(encoding="utf-8")
    file.write_text(right + "\nrescuer: {}\n", encoding="utf-8")
    reload_all(environment)
    yield
    file.write_text(right, encoding="utf-8")
    reload_all(environment)


def reload_all(environment: AlertEnvironment) -> None:
    for replica in environment.replicas:
        replica.program.process.send_signal(signal.SIGHUP)
