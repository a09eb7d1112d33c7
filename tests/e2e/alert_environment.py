"""Where alerts are seen: real workers, two replicas that can be cut off, Prometheus and Alertmanager in scaled time."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conformance.proxy import Proxy
from e2e.rescue_environment import ALERTS, Prometheus, alertmanager_at_work, prometheus_at_work, write_targets
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from e2e.scaled import scaled
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES
from riverkeeper.demo.postgres import start_postgres

FACTOR = 15  # evaluations each second instead of every 15 s, and all else with them; scrapes, two busy cores, every 2 s
LOOK = 0.5  # seconds between two looks of one who waits: twenty wait at once, on two cores
RESEND = 60 // FACTOR  # seconds; how often Prometheus tells Alertmanager of an alert that lasts, by default a minute

# Minutes by the factor. Beats are the urgent tier's own (2 s, 7 s): a fifteenth of a standard beat is too quick for two
# busy cores. max_share 1: here single workers die one after the other, all within ten minutes.
CONFIG = """
rescue: {{mode: live, supervisor: false, grace: 4s, cooldown: 20s, max_rescues: 2, max_share: 1.0}}
webhook: {{token_file: {token}}}
learned_limits: {{enabled: false}}
tiers:
  urgent: {{progress_timeout: 10s, stop_grace: 4s, max_wait: 20s}}
  budget: {{{beats}, max_run: 20s}}
  silent: {{{beats}, max_silence: 20s}}
  dry: {{{beats}, mode: dry_run}}
  declared: {{{beats}}}
assign:
- {{queue: budget, tier: budget}}
- {{queue: silent, tier: silent}}
- {{queue: dry, tier: dry}}
- {{queue: declared, tier: declared}}
- {{tier: urgent}}
"""
BEATS = "heartbeat_timeout: 7s, drain: 2s, fence: 3s, max_wait: 20s"
RUNNING = """
SELECT j.id FROM river_job AS j
WHERE j.queue = %(queue)s AND j.state = 'running' AND (NOT %(beating)s OR EXISTS (
    SELECT 1 FROM riverkeeper.heartbeat AS h
    WHERE h.job_id = j.id AND h.attempted_at = j.attempted_at AND h.lost_at IS NULL
))
"""


@dataclass(slots=True)
class AlertEnvironment:
    """Everything that runs. Each fault has a queue of its own, so that several can be done at once."""

    river: River
    folder: Path
    programs: contextlib.ExitStack
    database: Proxy  # between the keepers and Postgres
    webhook: Proxy  # between Alertmanager and the first keeper
    flags: tuple[str, ...]  # of each keeper
    replicas: list[RiverkeeperProcess] = field(default_factory=list)
    workers: list[Fleet] = field(default_factory=list)
    prometheus: Prometheus = field(default_factory=lambda: Prometheus(""))
    alertmanager: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def worker(self, queue: str, *flags: str, beat: str = "table") -> Fleet:
        """One more worker of one queue."""
        name = f"{queue.replace(',', '-')}{next(self.numbers)}"
        chosen = ("-queues", queue, "-beat", beat, "-interval", "2s", *flags)
        fleet = self.programs.enter_context(fleet_at_work(self.river, self.folder, name, *chosen))
        self.workers.append(fleet)
        return fleet

    def insert(self, queue: str, kind: str, count: int = 1) -> None:
        self.river.insert(count, "-kinds", kind, "-queues", queue)

    def running(self, queue: str, kind: str, count: int = 1, *, beating: bool = True) -> list[int]:
        """Jobs of a queue that run, and have a heartbeat row unless `beating` is false."""
        self.insert(queue, kind, count)

        def all_run() -> list[int] | None:
            found = [row[0] for row in self.river.rows(RUNNING, queue=queue, beating=beating)]
            return found if len(found) >= count else None

        return until(all_run, f"{count} jobs of {queue} to run", seconds=90, every=LOOK)

    def wait_for(self, queue: str, condition: str, seconds: float = 90, every: float = LOOK) -> None:
        """Until a job of the queue meets the condition."""
        statement = f"SELECT 1 FROM river_job WHERE queue = %(queue)s AND {condition}"  # noqa: S608 - of alert_cases.py only
        until(lambda: self.river.rows(statement, queue=queue), f"a job of {queue} where {condition}", seconds, every)

    def start_replica(self, number: int, address: str = "") -> RiverkeeperProcess:
        folder = self.folder / f"keeper{number}"
        folder.mkdir(exist_ok=True)
        there = ("--web.listen-address", address) if address else ()
        return self.programs.enter_context(replica_at_work(self.database.url, folder, "", *self.flags, *there))

    def scrape(self, addresses: list[str]) -> None:
        write_targets(self.folder / "targets.json", addresses)

    def scrape_the_replicas(self) -> None:
        self.scrape([replica.address for replica in self.replicas])


@contextlib.contextmanager
def theatre_at_work(folder: Path) -> Iterator[AlertEnvironment]:
    """Everything started and ready, but no workers."""
    token = folder / "token"
    token.write_text("a-token-of-the-environment\n")
    token.chmod(0o600)
    config = folder / "riverkeeper.yml"
    config.write_text(CONFIG.format(token=token, beats=BEATS))
    alerts = folder / "alerts"
    alerts.mkdir()
    for name in (*RULES, "alertmanager"):
        (alerts / f"{name}.yml").write_text(scaled((ALERTS / f"{name}.yml").read_text(encoding="utf-8"), FACTOR))
    with start_postgres() as server, contextlib.ExitStack() as programs:
        river = River(server.database("river"))
        river.migrate()
        riverkeeper(river, "schema", "install")
        database = programs.enter_context(contextlib.closing(Proxy(river.url)))
        made = AlertEnvironment(river, folder, programs, database, database, ("--config.file", str(config)))
        made.replicas = [made.start_replica(1), made.start_replica(2)]
        made.webhook = programs.enter_context(contextlib.closing(Proxy(f"http://{made.replicas[0].address}")))
        receiver = f"127.0.0.1:{made.webhook.url.rpartition(':')[2]}"
        made.alertmanager = programs.enter_context(alertmanager_at_work(folder, receiver, token, alerts))
        addresses = [replica.address for replica in made.replicas]
        again = f"--rules.alert.resend-delay={RESEND}s"
        made.prometheus = programs.enter_context(
            prometheus_at_work(folder, addresses, made.alertmanager, alerts, again, scrape="2s")
        )
        yield made
