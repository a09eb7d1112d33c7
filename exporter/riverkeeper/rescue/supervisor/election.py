"""The thread that takes turns: it proves that beats get through, and knows whether this replica acts.

Apart from the passes, because a turn must come in time however long a reading or a hundred rescues take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from riverkeeper.brakes.heartbeat_path import PreviousProbe, patience
from riverkeeper.brakes.rules import STALE_SECONDS
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.decision import rfc3339
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.supervisor.onlooker import Onlooker
from riverkeeper.rescue.supervisor.turn import Replica, Turn, stand_by, take_turn

log = structlog.get_logger()

TURNS = 2  # in one interval of the supervisor: a probe that is lost is made good before the stretch breaks
LOOKS = 4  # in one interval, by a replica that stands by: with TAKEOVER it takes over within the interval
TAKEOVER = 0.75  # of an interval without a turn of the actor, after which another replica takes its place
TURN_SECONDS = 2.0  # a database that needs longer for a turn takes no beats in time either
CANNOT = {ErrorKind.NO_KEEPER, ErrorKind.FORBIDDEN, ErrorKind.MISSING}  # waiting helps as little as trying harder
RETRY_SECONDS = 30.0  # between two tries of a keeper that cannot rescue here; it only looks on meanwhile


@dataclass(frozen=True, slots=True)
class Standing:
    """What the last turn came to, by our own clock; replaced as a whole."""

    turn: Turn
    at: float


class Watch:
    """Takes a turn twice in each interval. Everything it publishes is read by other threads."""

    def __init__(self, replica: Replica, rules: Callable[[], Rules], ground: Callable[[], RescueConnection]) -> None:
        self._replica = replica
        self._rules = rules
        self._make_ground = ground
        self._ground: RescueConnection | None = None
        self._before: PreviousProbe | None = None
        self._barred_until = float("-inf")  # by our clock: it cannot take turns here
        self.onlooker = Onlooker(replica)
        self._standing = Standing(Turn(acting=False), float("-inf"))
        self._awake_since = self._ticked_at = lease_clock()
        self._slept = 0.0
        self._stopping = threading.Event()
        self._renew = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._trouble: ErrorKind | None = None
        self._other_rules: str | None = None
        self.failed_turns = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """No turn is begun any more; the one under way ends by itself, whole or not at all."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def move(self) -> None:
        """The configuration changed: work on a new connection, which may lead elsewhere."""
        self._renew, self._barred_until = True, float("-inf")

    @property
    def acting(self) -> Turn | None:
        """The turn by which this replica acts now; None where it stands by, or has not had one in time."""
        standing = self._standing
        fresh = lease_clock() - standing.at <= patience(self._rules().policy)
        return standing.turn if standing.turn.acting and fresh else None

    @property
    def awake_for(self) -> float:
        """Seconds since this process started, or was last found to have stood still."""
        now = lease_clock()
        return 0.0 if now - self._ticked_at > self._slept + TURN_SECONDS + STALE_SECONDS else now - self._awake_since

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._notice_pause()
            self._slept = self._once()
            self._stopping.wait(self._slept)
        if self._ground:
            self._ground.close()

    def _notice_pause(self) -> None:
        if self.awake_for == 0.0:
            self._awake_since = lease_clock()
            log.warning("this process stood still: rescues resume after the grace period")
        self._ticked_at = lease_clock()

    def _once(self) -> float:
        """One turn; how long to wait for the next one."""
        rules = self._rules()
        if self._ground and lease_clock() < self._barred_until:
            self.onlooker.look(self._ground, patience(rules.policy))
            return rules.policy.rescue.interval / TURNS
        try:
            turn = self._take(rules)
        except DatabaseError as error:
            return self._failed(rules, error.kind, str(error))
        except Exception as error:
            log.exception("a fault in the supervisor's turn")
            return self._failed(rules, ErrorKind.OTHER, type(error).__name__)
        self._succeeded(turn)
        return rules.policy.rescue.interval / (TURNS if turn.acting else LOOKS)

    def _take(self, rules: Rules) -> Turn:
        if self._renew and self._ground:
            self._ground.close()
            self._ground, self._renew, self._before = None, False, None
        self._ground = self._ground or self._make_ground()
        takeover = TAKEOVER * rules.policy.rescue.interval
        with self._ground.writing(TURN_SECONDS) as tx:
            replica = replace(self._replica, rules=rules.fingerprint, modes=rules.modes)
            standing = stand_by(tx, replica, takeover)
            return standing or take_turn(tx, replica, self._before, rules.policy, takeover, dry_run=not rules.is_live)

    def _succeeded(self, turn: Turn) -> None:
        before = self._standing.turn
        if turn.acting != before.acting or turn.actor != before.actor:
            log.info("this replica acts" if turn.acting else "this replica stands by", actor=turn.actor)
        self._compare(turn)
        if turn.elsewhere:
            log.warning(
                "another server answers: a failover, or a restart. What it lacks has never been, a stop included "
                "(riverkeeper rescue status)"
            )
        _log_path(turn, before)
        _log_mass(turn, before)
        self._trouble = None
        self.onlooker.rest()
        self._before = PreviousProbe(turn.sighting) if turn.sighting else self._before
        self._standing = Standing(turn, lease_clock())

    def _compare(self, turn: Turn) -> None:
        """Two keepers of one River with two policies: pages and metrics then tell what the other would not do."""
        other = turn.rules if turn.rules != self._rules().fingerprint else None
        if other and other != self._other_rules:
            log.warning(
                "the keeper that acts goes by another configuration than this one (tiers, assign, learned_limits, "
                "rescue or webhook differ; in the middle of a rollout that passes)", actor=turn.actor,
            )  # fmt: skip
        self._other_rules = other

    def _failed(self, rules: Rules, trouble: ErrorKind, what: str) -> float:
        self.failed_turns += 1
        if self._before:
            self._before = replace(self._before, failed=True)
        self._standing = Standing(Turn(acting=False), lease_clock())
        if trouble is not self._trouble:  # not again with every turn
            cannot = "the supervisor cannot work here: it rescues nothing, and looks on"
            log.warning(cannot if trouble in CANNOT else "the supervisor's turn failed", error=what)
        self._trouble = trouble
        if trouble in CANNOT:
            self._barred_until = lease_clock() + RETRY_SECONDS
        return rules.policy.rescue.interval / TURNS


def _log_path(turn: Turn, before: Turn) -> None:
    """When missed heartbeats begin to count, and when they no longer do."""
    if turn.path is None or (before.path is not None and turn.path.ok_since == before.path.ok_since):
        return
    if turn.path.ok_since is None:
        log.warning("heartbeat path not verified: missed heartbeats do not count", why=turn.path.why)
    else:
        log.info(
            "heartbeat path verified: missed heartbeats count", since=rfc3339(turn.path.ok_since), why=turn.path.why
        )


def _log_mass(turn: Turn, before: Turn) -> None:
    if turn.mass is None:
        return
    engaged, was = turn.mass.engaged_at is not None, before.mass is not None and before.mass.engaged_at is not None
    if engaged and not was:
        log.warning("brake engaged: mass_silence", why=turn.mass.sentence)
    elif was and not engaged:
        log.info("brake released: mass_silence", why=turn.mass.slow_why)
