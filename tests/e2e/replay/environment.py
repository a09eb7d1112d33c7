"""Where incidents happen: two Rivers with real workers and Riverkeeper, one Prometheus, one Alertmanager, receivers.

`orders` has three worker processes, and two replicas of Riverkeeper that rescue. `media` has two worker processes, and
one replica in dry run. Each has a database server of its own.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from conformance.proxy import Proxy
from e2e.programs import Program, free_port, started, tool
from e2e.receivers import SECRETS, MessageEnvironment, message_environment
from e2e.rescue_environment import Prometheus, ready
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import PROGRAM, RiverkeeperProcess, riverkeeper, where
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES
from riverkeeper.demo.postgres import Server, start_postgres

RIVERS = ("orders", "media")
QUEUES = {"orders": "payments,mail,reports,imports", "media": "videos"}
SCRAPE_SECONDS = 3  # and the time that Riverkeeper has for its queries
JUDGE_SECONDS = 2
INSERT_SECONDS = 3  # between two insertions into each River, which give workers a little to do all the time
BEAT = ("-beat", "table", "-interval", "2s")

# Minutes are divided by the factor. Beats hardly: at a factor of 20 these are the urgent tier's own, as quick as two
# busy cores allow.
# max_wait: an edge of the histogram of waits, long enough for a busy machine.
CONFIG = """
rescue: {{mode: {mode}, grace: {minute}s, cooldown: {five_minutes}s, mass_hold: {five_minutes}s}}
webhook: {{token_file: {token}}}
learned_limits: {{enabled: false}}
tiers:
  standard: {{heartbeat_timeout: {beat_timeout}s, drain: 2s, fence: 3s, plain_fence: 3s, max_wait: {five_minutes}s}}
  urgent:
    {{heartbeat_timeout: {beat_timeout}s, drain: 2s, fence: 3s, max_wait: 10s, progress_timeout: 10s, stop_grace: 4s}}
  patient: {{heartbeat_timeout: {beat_timeout}s, drain: 2s, max_wait: 120s}}
  nightly: {{max_run: 20s}}
assign:
- {{queue: payments, tier: urgent}}
- {{queue: reports, tier: patient}}
- {{queue: busy, tier: bulk}}
- {{queue: nightly, tier: nightly}}
- {{tier: standard}}
"""
RUNNING = """
SELECT j.id FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.queue = %(queue)s AND j.kind = %(kind)s AND j.state = 'running' AND h.lost_at IS NULL
"""


@dataclass(slots=True)
class WatchedRiver:
    """One River with its server, its workers and the replicas of Riverkeeper that watch it."""

    name: str
    server: Server
    river: River  # straight to the server
    links: dict[str, Proxy]  # between the server and `workers`, and `riverkeeper`
    folder: Path
    config: Path
    programs: contextlib.ExitStack
    login: str = "postgres"  # of Riverkeeper
    workers: list[Fleet] = field(default_factory=list)
    replicas: list[RiverkeeperProcess] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def start_worker(self, queues: str = "", *flags: str, beat: tuple[str, ...] = BEAT) -> Fleet:
        """One more worker process, which reaches the server through a link that can be cut."""
        linked = River(self.links["workers"].url)
        name = f"{self.name}-{queues.partition(',')[0] or 'worker'}-{next(self.numbers)}"
        chosen = ("-queues", queues or QUEUES[self.name], *beat, *flags)
        return self.programs.enter_context(fleet_at_work(linked, self.folder, name, *chosen))

    def fill_workers(self, number: int) -> None:
        """So many workers of all queues run; who is gone is replaced."""
        self.workers = [worker for worker in self.workers if worker.program.process.poll() is None]
        self.workers += [self.start_worker() for _ in range(number - len(self.workers))]

    def start_replica(self, address: str = "", environment: dict[str, str] | None = None) -> RiverkeeperProcess:
        """A replica at a new address, or at that of one that is gone."""
        address = address or f"127.0.0.1:{free_port()}"
        url = self.links["riverkeeper"].url.replace("postgres@", f"{self.login}@", 1)
        command: list[str | Path] = [PROGRAM, "serve", *where(url, ""), "--config.file", str(self.config)]
        home = self.folder / f"replica-{address.rpartition(':')[2]}"
        home.mkdir(exist_ok=True)
        program = self.programs.enter_context(
            started("riverkeeper", [*command, "--web.listen-address", address], home, environment)
        )
        replica = RiverkeeperProcess(program, address)
        until(replica.ready, f"Riverkeeper of {self.name}, whose log is {program.output}")
        return replica

    def restart_replica(self, number: int, environment: dict[str, str] | None = None) -> None:
        """The replica ends if it still runs, and one begins at its address."""
        stop(self.replicas[number].program)
        self.replicas[number] = self.start_replica(self.replicas[number].address, environment)

    def insert(self, queue: str, kinds: str, number: int = 1) -> None:
        self.river.insert(number, "-kinds", kinds, "-queues", queue)

    def insert_running(self, queue: str, kind: str, number: int = 1) -> list[int]:
        """New jobs that run, and beat; one of an earlier incident may still run beside them."""
        earlier = self._running(queue, kind)
        self.insert(queue, kind, number)

        def all_run() -> list[int] | None:
            found = self._running(queue, kind) - earlier
            return sorted(found) if len(found) >= number else None

        return until(all_run, f"{number} {kind} jobs of {queue} to run", 60, 0.2)

    def _running(self, queue: str, kind: str) -> set[int]:
        return {row[0] for row in self.river.rows(RUNNING, queue=queue, kind=kind)}

    def holder(self, job: int) -> Fleet:
        """The worker process that runs a job."""
        (client,) = self.river.rows(
            "SELECT attempted_by[cardinality(attempted_by)] FROM river_job WHERE id = %(job)s", job=job
        )[0]
        (found,) = [worker for worker in self.workers if worker.program.name == client]
        return found

    def command(self, *arguments: str) -> str:
        """What a command of Riverkeeper prints."""
        return riverkeeper(self.river, *arguments, "--config.file", str(self.config))


@dataclass(slots=True)
class ReplayEnvironment:
    """Everything that runs."""

    factor: int
    folder: Path
    rivers: dict[str, WatchedRiver]
    webhook: Proxy  # between Alertmanager and the first replica of orders
    messages: MessageEnvironment
    prometheus: Prometheus

    @property
    def orders(self) -> WatchedRiver:
        return self.rivers["orders"]

    @property
    def media(self) -> WatchedRiver:
        return self.rivers["media"]

    def seconds(self, minutes: float) -> float:
        """Minutes of a rule, in seconds of this run."""
        return minutes * 60 / self.factor

    @contextlib.contextmanager
    def repeating(self, deed: Callable[[], None]) -> Iterator[None]:
        """Do it at once, and again every minute until the end."""
        over = threading.Event()
        deed()

        def repeat() -> None:
            while not over.wait(self.seconds(1)):
                deed()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def wait(self, minutes: float) -> None:
        """Let a time pass that an incident itself takes."""
        threading.Event().wait(self.seconds(minutes))


def stop(program: Program) -> None:
    if program.process.poll() is None:
        program.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.process.wait(15)
            return
        program.kill()


@contextlib.contextmanager
def replay_environment(folder: Path, factor: int) -> Iterator[ReplayEnvironment]:
    """Everything started and at work."""
    with contextlib.ExitStack() as programs:
        rivers = {name: make_river(name, folder, factor, programs) for name in RIVERS}
        webhook = programs.enter_context(
            contextlib.closing(Proxy(f"http://postgres@{rivers['orders'].replicas[0].address}"))
        )
        address = f"127.0.0.1:{urlsplit(webhook.url).port}"
        messages = programs.enter_context(message_environment(folder, factor, RIVERS, address))
        programs.enter_context(inserting(list(rivers.values())))
        prometheus = programs.enter_context(scraping(folder, factor, rivers, messages.address))
        yield ReplayEnvironment(factor, folder, rivers, webhook, messages, prometheus)


def make_river(name: str, folder: Path, factor: int, programs: contextlib.ExitStack) -> WatchedRiver:
    """One of the two Rivers, its workers and replicas at work."""
    home = folder / name
    home.mkdir()
    token = home / "token"
    token.write_text(SECRETS["riverkeeper-token"])
    token.chmod(0o600)
    server = programs.enter_context(start_postgres())
    river = River(server.database("river"))
    river.migrate()
    riverkeeper(river, "schema", "install")
    riverkeeper(river, "schema", "fence", "install")
    links = {link: programs.enter_context(contextlib.closing(Proxy(river.url))) for link in ("workers", "riverkeeper")}
    config = home / "riverkeeper.yml"
    times = {"minute": max(1, 60 // factor), "five_minutes": 300 // factor, "beat_timeout": max(7, 140 // factor)}
    config.write_text(CONFIG.format(mode="live" if name == "orders" else "dry_run", token=token, **times))
    made = WatchedRiver(name, server, river, links, home, config, programs)
    if name == "media":  # a login of its own, whose rights can be taken away
        river.rows("CREATE ROLE watcher LOGIN")
        made.login = "watcher"
        riverkeeper(river, "schema", "grants", "--login", "watcher", "--role", "keeper", "--apply")
    made.replicas = [made.start_replica() for _ in range(2 if name == "orders" else 1)]
    made.fill_workers(3 if name == "orders" else 2)
    return made


@contextlib.contextmanager
def inserting(rivers: list[WatchedRiver]) -> Iterator[None]:
    """A few jobs every few seconds into each River, by River's own client; what a stopped database refuses is lost."""
    over = threading.Event()

    def insert() -> None:
        for seed in count(1):
            for each in rivers:
                flags = ("-kinds", "short,short,long,scheduled", "-seed", str(seed), "-queues", QUEUES[each.name])
                subprocess.run(each.river.command("insert", *flags, "6"), check=False, capture_output=True)
            if over.wait(INSERT_SECONDS):
                return

    thread = threading.Thread(target=insert, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def scraping(folder: Path, factor: int, rivers: dict[str, WatchedRiver], alertmanager: str) -> Iterator[Prometheus]:
    """Prometheus with the shipped rules in scaled time, and one scrape job for each River."""
    recording = folder / "recording.yml"
    # Beats are not scaled: who beat within ten seconds is alive, as within a minute in real time.
    recording.write_text(recording.read_text().replace('le="60.0"', 'le="10.0"'))
    jobs = [
        {"job_name": name, "static_configs": [{"targets": [replica.address for replica in each.replicas]}]}
        for name, each in rivers.items()
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{JUDGE_SECONDS}s"},
        "rule_files": [str(folder / f"{name}.yml") for name in RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": jobs,
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={file}", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address={address}"]
    resend = f"--rules.alert.resend-delay={max(1, 60 // factor)}s"
    with started("prometheus", [tool("prometheus"), *flags, resend], folder):
        until(lambda: ready(address), "Prometheus to be ready")
        server = Prometheus(address)
        targets = sum(len(each.replicas) for each in rivers.values())
        until(lambda: len(server.query("river_up == 1")) == targets, "every replica to be scraped")
        yield server
