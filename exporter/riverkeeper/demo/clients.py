"""The simulated River clients: their runtimes and ids, their claims and their free slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from uuid import UUID

from riverkeeper.demo.attempt import Attempt
from riverkeeper.verdict.client_ids import Runtime

REFRESH_SECONDS = 600.0  # how often River for Go refreshes the row of its queues; how often Ruby does is not known
QUICK_REFRESH_SECONDS: Mapping[Runtime | None, float] = MappingProxyType(
    {Runtime.RUST: 30.0, Runtime.JAVA: 5.0, None: 30.0}
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What all clients of one service have in common."""

    name: str
    slots: Mapping[str, int]  # queue -> most jobs at once
    ahead: float = 0.0  # seconds its clock is ahead of the database's
    runtime: Runtime | None = Runtime.GO  # None: JavaScript, the form of whose ids is not known

    @property
    def claims_ahead(self) -> float:
        """Seconds by which its claims are dated ahead: only some runtimes date them by their own clock."""
        return self.ahead if self.runtime is not None and self.runtime.claims_by_own_clock else 0.0

    @property
    def refresh_seconds(self) -> float:
        """How often it refreshes the rows of its queues."""
        return QUICK_REFRESH_SECONDS.get(self.runtime, REFRESH_SECONDS)


DEPLOYMENTS: tuple[Deployment, ...] = (
    Deployment("web", MappingProxyType({"default": 25, "mail": 10})),
    Deployment("web", MappingProxyType({"default": 25, "mail": 10})),
    Deployment("mailer", MappingProxyType({"mail": 20}), ahead=3.0),
    Deployment("reports", MappingProxyType({"reports": 8})),
    Deployment("reports", MappingProxyType({"reports": 8})),
    Deployment("video", MappingProxyType({"video": 4})),
    Deployment("video", MappingProxyType({"video": 4})),
    Deployment("bulk", MappingProxyType({"bulk": 12}), ahead=-2.0),
    Deployment("bulk", MappingProxyType({"bulk": 12})),
)


# All runtimes on one table. Two date their claims by a clock that is wrong, by more than a timeout of the demo.
MIXED_DEPLOYMENTS: tuple[Deployment, ...] = (
    Deployment("web", MappingProxyType({"default": 25, "mail": 10})),
    Deployment("web", MappingProxyType({"default": 25, "mail": 10}), runtime=Runtime.RUST),
    Deployment("mailer", MappingProxyType({"mail": 20}), ahead=-20.0, runtime=Runtime.RUBY),
    Deployment("reports", MappingProxyType({"reports": 8})),
    Deployment("reports", MappingProxyType({"reports": 8}), runtime=Runtime.RUST),
    Deployment("video", MappingProxyType({"video": 4}), runtime=Runtime.RUST),
    Deployment("video", MappingProxyType({"video": 4}), runtime=None),
    Deployment("bulk", MappingProxyType({"bulk": 12}), ahead=15.0, runtime=Runtime.JAVA),
    Deployment("bulk", MappingProxyType({"bulk": 12}), ahead=-15.0, runtime=Runtime.JAVA),
)


@dataclass(slots=True, eq=False)
class Client:
    """One process: it lives until it crashes or is stopped, and comes back under another id."""

    deployment: Deployment
    host: str
    started_at: float  # the database's clock
    unique: int = 0  # 128 bits of chance, of which an id may hold some
    attempts: dict[int, Attempt] = field(default_factory=dict)  # by job id, as River keeps its active jobs

    @property
    def id(self) -> str:
        """The default client id of its runtime. That of JavaScript stands for a name that a user chose."""
        start = datetime.fromtimestamp(self.started_at + self.deployment.ahead, UTC)
        by_start = f"{self.host}_{start:%Y_%m_%dT%H_%M_%S_%f}"
        match self.deployment.runtime:
            case Runtime.GO:
                return by_start
            case Runtime.RUST:
                return f"{by_start}_{self.unique % (1 << 32):08x}"
            case Runtime.RUBY:
                return f"{self.host}-1-{self.unique % (1 << 48):012x}"
            case Runtime.JAVA:
                return f"java-{UUID(int=self.unique)}"
        return f"{self.host} {self.unique % (1 << 16):04x}"

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(self.deployment.slots)

    def room(self, queue: str) -> int:
        """Jobs of the queue that this client would still take."""
        held = sum(attempt.claim.queue == queue for attempt in self.attempts.values())
        return max(0, self.deployment.slots.get(queue, 0) - held)


def start_pod(deployment: Deployment, now: float, chance: Random) -> Client:
    """A client in a new pod: a new host name."""
    return Client(deployment, f"{deployment.name}-{chance.getrandbits(16):04x}", now, _unique(chance, deployment))


def restart_client(client: Client, now: float, chance: Random) -> Client:
    """The client's successor in the same pod: the host stays, the id changes."""
    return Client(client.deployment, client.host, now, _unique(chance, client.deployment))


def _unique(chance: Random, deployment: Deployment) -> int:
    """An id of Go holds none: its fleet draws what it always drew."""
    return 0 if deployment.runtime is Runtime.GO else chance.getrandbits(128)
