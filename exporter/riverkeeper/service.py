"""The running service behind the web pages: configuration, scrapes, metrics page, audit and wakes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import structlog

from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.config.settings import WebhookSettings
from riverkeeper.evidence.lives import WatchState
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.watcher import PodWatchers
from riverkeeper.maintenance import Maintenance
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.postgres.connection import Database, begin_transaction
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.history import RescueHistory, read_rescues
from riverkeeper.rescue.stacks import read_listed_stacks
from riverkeeper.rescue.supervisor.loop import Supervisor
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.river.detect import find_river
from riverkeeper.river.failing import FailingJobs, read_failing
from riverkeeper.river.known_names import KnownNames, read_known_names
from riverkeeper.river.longest import LongestJobs, ReadableBeats, RunningFilter, read_client_names, read_longest
from riverkeeper.schema.schemas import inspect_keeper, open_keeper, open_schemas
from riverkeeper.scrape.collector import Collector, make_timeout
from riverkeeper.scrape.job_facts import JobFacts
from riverkeeper.scrape.job_reader import read_job_facts
from riverkeeper.scrape.reader import Reader, reader_settings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.scrape.workers import WorkerFilter, Workers, read_workers
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.stack import JobStack

log = structlog.get_logger()

FAILING_SECONDS = 3.0  # for a reader who waits for a page; and a stop must not wait longer
RUNNING_SECONDS = 5.0  # for 100,000 running jobs a tenth of it
INBOX_SECONDS = 5.0  # Alertmanager waits at least 10 s for an answer, and tries again


class Service:
    """One Riverkeeper process. `load` reads the configuration again, and raises ConfigErrors.

    `failing`, `running`, `job`, `workers`, `known_names`, `client_names`, `rescues`, `stacks` and `receive` raise
    DatabaseError, whose message and fix may be shown; the others do not raise.
    """

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self.config = config
        self._load = load
        self._exposition = Exposition()
        self._process = Process()
        self._pods = make_watchers(config)
        self._process.watch_state = self._watch_state
        self._supervisor = Supervisor(config, self._read, self._process.acts)
        self._collector, self._maintenance = self._readers(config)
        self._jobs = asyncio.Semaphore(1)  # pages for people: one connection at a time is enough for all of them
        self._audit = asyncio.Semaphore(1)
        self._inbox = asyncio.Semaphore(1)  # both peers of an Alertmanager may call at once

    async def snapshot(self, seconds: float) -> Snapshot:
        """A scrape at most `collect.min_interval` old; `up=False` after `seconds` without an answer."""
        reading = asyncio.wrap_future(self._collector.request(seconds))
        try:
            return await asyncio.wait_for(asyncio.shield(reading), seconds)
        except TimeoutError:
            return make_timeout(seconds)

    def latest(self) -> Snapshot | None:
        """The last scrape, of any age; runs no query. None before the first."""
        return self._collector.latest

    def exposition(self, snapshot: Snapshot, accept: str, names: frozenset[str]) -> tuple[bytes, str]:
        """The metrics page and its content type. CPU-bound (tens of ms): run it in a thread."""
        return self._exposition.page(snapshot, self._process, accept, names)

    async def failing(self, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
        """Live jobs with at least one error, those with the fewest attempts left first."""
        async with self._jobs:
            return await asyncio.to_thread(failing_jobs, self.config, queue, kind, shown)

    async def job(self, job_id: int) -> JobFacts:
        """All that the tables hold about one job."""
        async with self._jobs:
            return await asyncio.to_thread(read_job, self.config, job_id, FAILING_SECONDS)

    async def workers(self, wanted: WorkerFilter, shown: int) -> Workers:
        """The workers that are known, those that stopped beating first."""
        evidence = self._pods.evidence if self._pods else None
        latest = self.latest()
        read = partial(list_workers, evidence=evidence, many=latest is not None and latest.many_run)
        async with self._jobs:
            return await asyncio.to_thread(read, self.config, wanted, shown, RUNNING_SECONDS)

    async def known_names(self, queue: str | None, kind: str | None) -> KnownNames:
        """The queues and kinds of the table; a list asks for them where it found nothing by these names."""
        async with self._jobs:
            return await asyncio.to_thread(read_names, self.config, queue, kind)

    async def running(self, wanted: RunningFilter, shown: int, *, many: bool) -> LongestJobs:
        """The running jobs that have run longest. `many`: tens of thousands are likely to run."""
        async with self._jobs:
            return await asyncio.to_thread(longest_jobs, self.config, wanted, shown, many=many)

    async def client_names(self) -> frozenset[str]:
        """Client ids and hosts; a list asks for them where it found nothing by one of them."""
        async with self._jobs:
            return await asyncio.to_thread(read_clients, self.config)

    async def reload(self) -> str | None:
        """Read the configuration again. None: it is in force; else the reason why the old one stays."""
        try:
            config = await asyncio.to_thread(self._load)
        except ConfigErrors as errors:
            self._process.config_reloaded = False
            log.error("configuration not reloaded, the previous one stays in force", problems=str(errors))
            return str(errors)
        self._process.config_reloaded = True
        if config.web != self.config.web:
            log.warning("changes of web.listen_address, config_file and allowed_hosts take effect at the next start")
        if config != self.config:  # a new reader counts in memory from 0 again: not for nothing
            self._collector.close()
            self._maintenance.stop()
            self._reload_watchers(config)
            self.config = config
            self._collector, self._maintenance = self._readers(config)
            self._maintenance.start()
            self._supervisor.reload(config)
        log.info("configuration reloaded")
        return None

    def count_rejected(self, reason: str) -> None:
        """Count a refused request (riverkeeper_http_requests_rejected_total)."""
        self._process.rejected[reason] += 1

    def webhook(self) -> WebhookSettings:
        """The section `webhook` of the configuration in force."""
        return self.config.webhook

    def policy(self) -> Policy:
        """Tiers and rules of the configuration in force."""
        return self.config

    def river_job_url(self, job_id: int) -> str | None:
        """River UI's page of a job; None where web.river_ui_url is not set."""
        template = self.config.web.river_ui_url
        return template and template.replace("{id}", str(job_id))

    def skip_reason(self, claim: JobClaim) -> str | None:
        """Why this replica's last rescue pass skipped a stuck job; None where the pass did not reach it."""
        return self._supervisor.skip_reason(claim)

    async def rescues(self, scope: Scope, shown: int, job_id: int | None) -> RescueHistory:
        """The newest rows of the audit."""
        async with self._audit:
            return await asyncio.to_thread(read_audit, self.config, scope, shown, job_id)

    async def stacks(self, claims: Sequence[JobClaim]) -> dict[JobClaim, JobStack]:
        """The stacks that clients have sent for these claims."""
        async with self._audit:
            return await asyncio.to_thread(read_listed_stacks, self.config, claims)

    async def receive(self, calls: Sequence[Call]) -> int:
        """Store calls as wakes, committed on return; gives how many wake, the rest is too old."""
        async with self._inbox:
            return await asyncio.to_thread(receive_calls, self.config, calls)

    def count_alerts(self, counts: Counter[str]) -> None:
        """Count the alerts of an accepted message by AlertStatus (riverkeeper_webhook_alerts_total)."""
        self._process.acts.webhook_alerts.update(counts)
        self._process.acts.last_webhook_at = time.time()

    def wake(self) -> None:
        """Wake the supervisor now, because wakes were stored; its next tick would find them too."""
        self._supervisor.wake()

    def start(self) -> None:
        """Let maintenance and the rescuer run; without them the service only reads."""
        self._maintenance.start()
        if self._pods:
            self._pods.start()
        self._supervisor.start()

    def close(self) -> None:
        """Rescue nothing more, and take no new readings; what is under way ends whole, by its own limits."""
        self._supervisor.stop()
        self._maintenance.stop()
        self._collector.close()
        if self._pods:
            self._pods.stop()

    def _reload_watchers(self, config: Config) -> None:
        """Watch other pods, or none. What was seen of the same pods stays."""
        if config.kubernetes == self.config.kubernetes:
            return
        if self._pods:
            self._pods.stop()
        self._pods = make_watchers(config)
        if self._pods:
            self._pods.start()

    def _watch_state(self) -> WatchState | None:
        return self._pods.evidence.state() if self._pods else None

    def _read(self, seconds: float) -> Snapshot:
        """For the supervisor: half its interval old at most, or it would often meet its own last reading again."""
        return self._collector.collect(seconds, self.config.rescue.interval / 2)

    def _readers(self, config: Config) -> tuple[Collector, Maintenance]:
        """Scrapes and maintenance, each with a connection of its own."""
        url, settings = config.conninfo.reveal(), reader_settings(config)
        lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
        maintenance = Maintenance(Database(url), settings, lookup, self.latest)
        reader = Reader(
            Database(url),
            settings,
            lookup,
            maintenance.wait_for_maintained,
            self._supervisor.process_health,
            self._supervisor.find_observed_path,
            self._pods.evidence if self._pods else None,
        )
        return Collector(reader, config.collect.min_interval), maintenance


def make_watchers(config: Config) -> PodWatchers | None:
    """The watchers of pods; None where Kubernetes is not asked."""
    return PodWatchers(config.kubernetes) if config.kubernetes.enabled else None


def failing_jobs(config: Config, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
    """The failing jobs, read on a connection of its own. Raises DatabaseError."""
    with begin_transaction(config.conninfo.reveal(), FAILING_SECONDS) as tx:
        return read_failing(tx, find_river(tx, config.database.river_schema), queue, kind, shown)


def read_job(config: Config, job_id: int, seconds: float) -> JobFacts:
    """All that the tables hold about one job, read on a connection of its own. Raises DatabaseError."""
    place, interval = config.database, config.heartbeat.metadata_interval
    url = config.conninfo.reveal()
    return read_job_facts(url, place.river_schema, place.keeper_schema, job_id, interval, seconds)


def list_workers(
    config: Config,
    wanted: WorkerFilter,
    shown: int,
    seconds: float,
    evidence: PodEvidence | None = None,
    *,
    many: bool = False,
) -> Workers:
    """The workers, read on a connection of their own. Raises DatabaseError. `evidence`: what watched pods prove."""
    place, url = config.database, config.conninfo.reveal()
    return read_workers(url, place.river_schema, place.keeper_schema, wanted, shown, seconds, evidence, many=many)


def read_names(config: Config, queue: str | None, kind: str | None) -> KnownNames:
    """The queues and kinds of the table, read on a connection of its own. Raises DatabaseError."""
    with begin_transaction(config.conninfo.reveal(), FAILING_SECONDS) as tx:
        return read_known_names(tx, find_river(tx, config.database.river_schema), queue, kind)


def longest_jobs(config: Config, wanted: RunningFilter, shown: int, *, many: bool) -> LongestJobs:
    """The running jobs that have run longest, read on a connection of its own. Raises DatabaseError."""
    with _open_beats(config, RUNNING_SECONDS) as (tx, readable):
        return read_longest(tx, wanted, shown, readable, config, many=many)


def read_clients(config: Config) -> frozenset[str]:
    """Client ids and hosts, read on a connection of its own. Raises DatabaseError."""
    with _open_beats(config, FAILING_SECONDS) as (tx, readable):
        return read_client_names(tx, readable)


@contextlib.contextmanager
def _open_beats(config: Config, seconds: float) -> Iterator[tuple[Transaction, ReadableBeats]]:
    """A keeper schema that must not be used is as if there were none: the jobs can be shown without it."""
    place, url = config.database, config.conninfo.reveal()
    with open_schemas(url, place.river_schema, place.keeper_schema, seconds) as (tx, schemas):
        readable = ReadableBeats()
        with contextlib.suppress(DatabaseError):
            keeper = inspect_keeper(tx, schemas)
            readable = ReadableBeats(keeper.heartbeat, keeper.audit, keeper.checkpoints)
        yield tx, readable


def read_audit(config: Config, scope: Scope, shown: int, job_id: int | None) -> RescueHistory:
    """The newest rows of the audit, read on a connection of its own. Raises DatabaseError."""
    with open_keeper(config, FAILING_SECONDS) as tx:
        return read_rescues(tx, scope, shown, job_id)


def receive_calls(config: Config, calls: Sequence[Call]) -> int:
    """Store calls as wakes, on a connection of their own; how many wake. Raises DatabaseError."""
    with open_keeper(config, INBOX_SECONDS, writing=True) as tx:
        return inbox.receive(tx, calls, config.webhook.max_age)
