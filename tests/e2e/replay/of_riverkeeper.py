"""Incidents of Riverkeeper: its replicas, its configuration, its rights, its alerts, and the rescuer."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from e2e.replay.environment import ReplayEnvironment
from e2e.replay.incident import incident, page, ticket
from e2e.replay.of_river import BEATS
from fixtures.waiting import until

SKEW = "import time\n_real = time.time\ntime.time = lambda: _real() + 30.0\n"
LEDGER = """
SELECT DISTINCT format('REVOKE ALL ON %%s FROM %%s', g.table_schema || '.' || g.table_name, quote_ident(g.grantee))
FROM information_schema.role_table_grants AS g
WHERE g.table_schema = 'riverkeeper' AND g.table_name LIKE 'ledger%%' AND g.grantee <> 'postgres'
"""
SLOT = 10  # seconds between two steps of the ledger


@incident("one of two replicas of Riverkeeper is restarted", minutes=12)
def replica_restarted(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.restart_replica(0)
    yield


@incident(
    "the changed configuration has a mistake; SIGHUP",
    ticket("RiverkeeperReloadFailed", 9, "Riverkeeper of orders could not load its changed configuration"),
    minutes=12,
)
def broken_configuration(replay: ReplayEnvironment) -> Iterator[None]:
    before = replay.orders.config.read_text()
    reload(replay, before + "rescues: {mode: live}\n")
    yield
    reload(replay, before)


def reload(replay: ReplayEnvironment, text: str) -> None:
    replay.orders.config.write_text(text)
    for replica in replay.orders.replicas:
        replica.program.process.send_signal(signal.SIGHUP)


@incident(
    "somebody pauses the rescuer (riverkeeper rescue pause); then a worker with a job dies",
    ticket("RiverRescuesPaused", 14, "Automatic restart of crashed jobs is paused in orders", "kill_switch"),
    page("RiverJobsStuck", 14, "1 steady job", "orders", "stuck", plus=BEATS, tier="urgent"),
    minutes=18,
)
def rescuer_paused(replay: ReplayEnvironment) -> Iterator[None]:
    (job,) = replay.orders.insert_running("payments", "steady")
    replay.orders.command("rescue", "pause", "--why", "a drill")
    replay.orders.holder(job).program.kill()
    yield
    replay.orders.command("rescue", "resume")
    replay.orders.fill_workers(3)


@incident(
    "the network between Alertmanager and Riverkeeper's webhook is cut",
    ticket("RiverkeeperWebhookNotReached", 28, "Alertmanager has not reached Riverkeeper of orders"),
    minutes=28,
)
def webhook_cut_off(replay: ReplayEnvironment) -> Iterator[None]:
    replay.webhook.refuse()
    yield
    replay.webhook.restore()


@incident(
    "the clock of one replica is 30 s ahead",
    ticket("RiverkeeperClockSkewed", 19, "The clock of Riverkeeper's host differs", "orders"),
    minutes=18,
)
def clock_skewed(replay: ReplayEnvironment) -> Iterator[None]:
    folder = replay.folder / "skew"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SKEW)
    replay.orders.restart_replica(1, {"PYTHONPATH": str(folder)})
    yield
    replay.orders.restart_replica(1)


@incident(
    "both replicas of Riverkeeper are killed",
    page("RiverNotWatched", 10, "Monitoring of background jobs is down (orders)", cause="exporter_down"),
    minutes=25,
)
def riverkeeper_killed(replay: ReplayEnvironment) -> Iterator[None]:
    for replica in replay.orders.replicas:
        replica.program.kill()
    yield
    for number in (0, 1):
        replay.orders.restart_replica(number)


@incident(
    "Riverkeeper crashes every eight minutes and is started again",
    ticket("RiverkeeperScrapesIncomplete", 8, "Riverkeeper of orders", "restarting", cause="restarting"),
    minutes=10,
)
def crash_loop(replay: ReplayEnvironment) -> Iterator[None]:
    for _ in range(4):
        for replica in replay.orders.replicas:
            replica.program.kill()
        for number in (0, 1):
            replay.orders.restart_replica(number)
        replay.wait(8)
    yield


@incident(
    "a worker with a job is killed in a River whose rescuer is in dry run",
    page("RiverJobsStuck", 14, "1 steady job", "media", "stuck", plus=BEATS, river="media", tier="standard"),
    minutes=15,
)
def stuck_in_dry_run(replay: ReplayEnvironment) -> Iterator[None]:
    (job,) = replay.media.insert_running("videos", "steady")
    replay.media.holder(job).program.kill()
    yield
    replay.media.command("rescue", "run", "--apply", str(job))
    replay.media.fill_workers(2)


@incident(
    "Riverkeeper's login loses its rights on the ledger",
    ticket("RiverkeeperCountsNotDurable", 34, "Riverkeeper of media", "memory only", plus=SLOT, river="media"),
    minutes=35,
)
def ledger_not_durable(replay: ReplayEnvironment) -> Iterator[None]:
    for (statement,) in replay.media.river.rows(LEDGER.replace("%%", "%")):
        replay.media.river.rows(statement)
    yield
    replay.media.command("schema", "grants", "--login", "watcher", "--role", "keeper", "--apply")


@incident(
    "the only Riverkeeper of a second River is killed, beside a healthy one, for more than an hour",
    page("RiverNotWatched", 10, "Monitoring of background jobs is down (media)", river="media", cause="exporter_down"),
    minutes=65,
)
def second_river_not_watched(replay: ReplayEnvironment) -> Iterator[None]:
    replay.media.replicas[0].program.kill()
    yield
    replay.media.restart_replica(0)


@incident(
    "a worker hangs (SIGSTOP) until its job was rescued and worked again, and goes on",
    ticket("RiverJobsMayHaveRunTwice", 2, "1 steady job", "orders", "may have run twice", plus=30, tier="urgent"),
    minutes=15,
    goes_on=True,
)
def false_rescue(replay: ReplayEnvironment) -> Iterator[None]:
    (job,) = replay.orders.insert_running("payments", "steady")
    again = "SELECT 1 FROM river_job WHERE id = %(job)s AND attempt = 2 AND state = 'completed'"
    with replay.orders.holder(job).program.frozen():
        until(lambda: replay.orders.river.rows(again, job=job), "the job to be worked again", 90, 0.2)
    yield
