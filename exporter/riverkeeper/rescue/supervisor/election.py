"""Leader election: which replica is the active one, whether the heartbeat path is verified, and mass silence.

An election is one short writing transaction, and is itself the probe of the heartbeat path: a beat could be written if
this write commits. It locks the row of `control`, not the rescue lock: a rescue only tries that lock, and must not lose
it to the election of its own process. Elections have a thread of their own, because they must come in time however long
a scrape or a hundred rescues take. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from riverkeeper.brakes.control import Pause
from riverkeeper.brakes.heartbeat_path import HeartbeatPath, PreviousProbe, ProbeResult, advance_path, patience
from riverkeeper.brakes.mass_silence import MassFacts, MassSilence, advance_mass
from riverkeeper.brakes.rules import STALE_SECONDS
from riverkeeper.brakes.state import facts_of, write_mass
from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.supervisor.path_probe import ReadOnlyObserver, probe_path
from riverkeeper.river.failures import rfc3339

log = structlog.get_logger()

ELECTIONS = 2  # of the active replica in one interval: the next one makes good a lost probe before the stretch breaks
STANDBY_ELECTIONS = 4  # of a standby replica in one interval: with TAKEOVER it takes over within the interval
TAKEOVER = 0.75  # of an interval without an election of the active replica; then another replica takes its place
ELECTION_SECONDS = 2.0  # a database that needs longer for an election accepts no beat in time either
BARRING = {ErrorKind.NO_KEEPER, ErrorKind.FORBIDDEN, ErrorKind.MISSING}  # the next try would fail too
RETRY_SECONDS = 30.0  # between two tries of a replica that cannot rescue here; it only observes meanwhile


@dataclass(frozen=True, slots=True)
class Replica:
    """This process, as the audit and the table `control` name it."""

    id: UUID
    name: str  # host and process
    fingerprint: str = ""  # of its policy (fingerprint_config)
    modes: Mapping[str, Mode] = field(default_factory=dict)  # in force, by tier
    grace_left: float = 0.0  # seconds until its first rescue may begin


@dataclass(frozen=True, slots=True)
class ElectionResult:
    """What one election found."""

    is_active: bool  # this replica is the active one
    active_replica: str | None = None  # its name
    probe: ProbeResult | None = None  # the next election compares its own probe with it
    path: HeartbeatPath | None = None
    mass: MassSilence | None = None
    fingerprint: str | None = None  # of the policy of the active replica
    server_changed: bool = False  # since the election before, of whichever replica
    pause: Pause | None = None  # the kill switch is pulled


def find_leader(tx: Transaction, replica: Replica, takeover: float) -> ElectionResult | None:
    """The other replica that was active within `takeover` seconds; None: there is none. Raises DatabaseError."""
    row = tx.query("rescue/supervisor/read_leader")[0]
    if row.actor in {None, str(replica.id)} or row.age is None or not 0 <= row.age < takeover:
        return None
    probe = ProbeResult(row.now, lease_clock(), "")
    return ElectionResult(is_active=False, active_replica=row.actor_name, probe=probe, fingerprint=row.rules)


def run_election(
    tx: Transaction,
    replica: Replica,
    before: PreviousProbe | None,
    policy: Policy,
    takeover: float,
    *,
    dry_run: bool,
) -> ElectionResult:
    """Become or stay active, unless another replica was active within `takeover` seconds. Raises DatabaseError.

    The result holds only once the transaction has committed.
    """
    if leader := find_leader(tx, replica, takeover):
        return leader
    tx.query("rescue/supervisor/lock_control")
    if leader := find_leader(tx, replica, takeover):  # it was faster
        return leader
    tx.query("rescue/supervisor/probe_beats")
    row = tx.query("brakes/read_brakes", {"dry_run": dry_run})[0]
    clock, facts = lease_clock(), facts_of(row)
    probe = probe_path(tx, tx.query("rescue/supervisor/read_server")[0], facts.path, facts.now, clock, facts.mass)
    path = advance_path(facts.path, before, probe, patience(policy))
    broke = path.ok_since is not None and path.ok_since != facts.path.ok_since
    found = MassFacts(probe.now, probe.fleet, broke, facts.acted_in_step, row.false_rescues)
    mass = advance_mass(facts.mass, found, policy.rescue.max_share, policy.rescue.mass_hold)
    if facts.path.probe_at is not None and probe.now < facts.path.probe_at:  # else a dead worker lives an hour longer
        tx.query("rescue/supervisor/correct_future_beats")
    write_mass(tx, mass)
    _write_election(tx, path, replica, patience(policy))
    server_changed = facts.path.server not in {None, probe.server}
    by = facts.stopped_by or "an unknown operator"
    pause = None if facts.stopped_at is None else Pause(facts.stopped_at, by, facts.stopped_why)
    return ElectionResult(True, replica.name, probe, path, mass, replica.fingerprint, server_changed, pause)


def _write_election(tx: Transaction, path: HeartbeatPath, replica: Replica, longest: float) -> None:
    """`longest`: the most seconds between two probes of this replica, for those who have another configuration."""
    tx.query(
        "rescue/supervisor/write_election",
        {
            "ok_since": path.ok_since,
            "probe_at": path.probe_at,
            "server": path.server,
            "state": json.dumps(
                {
                    "why": path.why,
                    "before_to": path.before_to,
                    "rules": replica.fingerprint,
                    "modes": replica.modes,
                    "patience": longest,
                    "grace_until": None if path.probe_at is None else path.probe_at + replica.grace_left,
                },
                ensure_ascii=False,
            ),
            "actor": replica.id,
            "actor_name": replica.name,
        },
    )


def fingerprint_config(config: Config) -> str:
    """Equal for replicas that judge and act alike."""
    sections = (config.tiers, config.assign, config.learned_limits, config.heartbeat, config.rescue)
    return hashlib.sha256(repr((sections, config.webhook.max_age)).encode()).hexdigest()[:12]


class LeaderElection:
    """The thread that holds elections, twice in each interval. Other threads read everything it publishes."""

    def __init__(
        self, replica: Replica, config: Callable[[], Config], make_connection: Callable[[], RescueConnection]
    ) -> None:
        self._replica = replica
        self._config = config
        self._make_connection = make_connection
        self._connection: RescueConnection | None = None
        self._before: PreviousProbe | None = None
        self._barred_until = float("-inf")  # lease_clock(): this replica cannot rescue here
        self.observer = ReadOnlyObserver(self._has_leader)
        self._latest = ElectionResult(is_active=False), float("-inf")  # with its lease_clock(); replaced as a whole
        self._running_since = self._ticked_at = lease_clock()
        self._slept = 0.0
        self._stopping = threading.Event()
        self._reconnect = False
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)
        self._failure: ErrorKind | None = None
        self._other_fingerprint: str | None = None
        self.failed_elections = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Begin no election any more. An election under way ends by itself: it commits whole, or not at all."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def reconnect(self) -> None:
        """The configuration changed: work on a new connection, which may lead to another database."""
        self._reconnect, self._barred_until = True, float("-inf")

    @property
    def leadership(self) -> ElectionResult | None:
        """The election that made this replica active; None: it stands by, or its last election is too old."""
        result, at = self._latest
        return result if result.is_active and lease_clock() - at <= patience(self._config()) else None

    @property
    def running_for(self) -> float:
        """Seconds since this process started, or was last found suspended."""
        now, allowed = lease_clock(), self._slept + ELECTION_SECONDS + STALE_SECONDS
        return 0.0 if now - self._ticked_at > allowed else now - self._running_since

    def _has_leader(self, tx: Transaction, seconds: float) -> bool:
        return find_leader(tx, self._replica, seconds) is not None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._notice_suspension()
            self._slept = self._tick()
            self._stopping.wait(self._slept)
        if self._connection:
            self._connection.close()

    def _notice_suspension(self) -> None:
        if self.running_for == 0.0:
            self._running_since = lease_clock()
            log.warning("process was suspended: rescues resume after the grace period")
        self._ticked_at = lease_clock()

    def _tick(self) -> float:
        """Hold one election. Returns the seconds to wait for the next one."""
        config = self._config()
        if self._connection and lease_clock() < self._barred_until:
            self.observer.observe(self._connection, patience(config))
            return config.rescue.interval / ELECTIONS
        try:
            result = self._elect(config)
        except DatabaseError as error:
            return self._fail(config, error.kind, str(error))
        except Exception as error:
            log.exception("unexpected error in the leader election")
            return self._fail(config, ErrorKind.OTHER, type(error).__name__)
        self._succeed(result)
        return config.rescue.interval / (ELECTIONS if result.is_active else STANDBY_ELECTIONS)

    def _elect(self, config: Config) -> ElectionResult:
        if self._reconnect and self._connection:
            self._connection.close()
            self._connection, self._reconnect, self._before = None, False, None
        self._connection = self._connection or self._make_connection()
        takeover = TAKEOVER * config.rescue.interval
        with self._connection.writing(ELECTION_SECONDS) as tx:
            replica = replace(
                self._replica,
                fingerprint=fingerprint_config(config),
                modes=config.modes,
                grace_left=max(0.0, config.rescue.grace - self.running_for),
            )
            return run_election(tx, replica, self._before, config, takeover, dry_run=not config.is_live)

    def _succeed(self, result: ElectionResult) -> None:
        before, _ = self._latest
        if (result.is_active, result.active_replica) != (before.is_active, before.active_replica):
            role = "replica is active" if result.is_active else "replica stands by"
            log.info(role, active_replica=result.active_replica)
        self._compare_policy(result)
        if result.server_changed:
            log.warning(
                "database server changed: a pause of rescues may be lost",
                why="the database failed over or restarted",
                check="riverkeeper rescue status",
            )
        if self._failure is not None:
            log.info("leader election works again: the database answers")
        _log_path(result, before)
        _log_mass(result, before)
        _log_pause(result, before)
        self._failure = None
        self.observer.reset()
        self._before = PreviousProbe(result.probe) if result.probe else self._before
        self._latest = result, lease_clock()

    def _compare_policy(self, result: ElectionResult) -> None:
        """Two replicas with two policies: the pages and metrics of one show what the other would not do."""
        other = result.fingerprint if result.fingerprint != fingerprint_config(self._config()) else None
        if other and other != self._other_fingerprint:
            log.warning(
                "active replica has a different configuration, expected for a short time during a rollout",
                active_replica=result.active_replica,
                compared="tiers, assign, learned_limits, heartbeat, rescue, webhook.max_age",
            )
        self._other_fingerprint = other

    def _fail(self, config: Config, failure: ErrorKind, message: str) -> float:
        self.failed_elections += 1
        if self._before:
            self._before = replace(self._before, failed=True)
        self._latest = ElectionResult(is_active=False), lease_clock()
        if failure is not self._failure:  # logged once, not at every election
            barred = "supervisor cannot rescue here: it observes only"
            log.warning(barred if failure in BARRING else "leader election failed", error=message)
        self._failure = failure
        if failure in BARRING:
            self._barred_until = lease_clock() + RETRY_SECONDS
        return config.rescue.interval / ELECTIONS


def _log_path(result: ElectionResult, before: ElectionResult) -> None:
    """Log when missed heartbeats begin to count, and when they no longer do."""
    path = result.path
    if path is None or (before.path is not None and path.ok_since == before.path.ok_since):
        return
    if path.ok_since is None:
        log.warning("heartbeat path not verified: missed heartbeats do not count", why=path.why)
    else:
        log.info("heartbeat path verified: missed heartbeats count", since=rfc3339(path.ok_since), why=path.why)


def _log_mass(result: ElectionResult, before: ElectionResult) -> None:
    if result.mass is None:
        return
    is_engaged = result.mass.engaged_at is not None
    was_engaged = before.mass is not None and before.mass.engaged_at is not None
    if is_engaged and not was_engaged:
        log.warning("brake engaged: mass_silence", why=result.mass.sentence)
    elif was_engaged and not is_engaged:
        log.info("brake released: mass_silence", why=result.mass.slow_why)


def _log_pause(result: ElectionResult, before: ElectionResult) -> None:
    """An operator's pause and its end, by the active replica."""
    if result.pause is not None and result.pause != before.pause:
        log.warning("rescues paused by an operator", by=result.pause.by, why=result.pause.why)
    elif result.pause is None and before.pause is not None and result.is_active:
        log.info("rescues resumed by an operator", paused_by=before.pause.by)
