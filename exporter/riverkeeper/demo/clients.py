"""The simulated River clients: their ids, their claims and their free slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType

from riverkeeper.demo.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Deployment:
    """What all clients of one service have in common."""

    name: str
    slots: Mapping[str, int]  # queue -> most jobs at once
    ahead: float = 0.0  # seconds its clock is ahead of the database's


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


@dataclass(slots=True, eq=False)
class Client:
    """One process: it lives until it crashes or is stopped, and comes back under another id."""

    deployment: Deployment
    host: str
    started_at: float  # the database's clock
    attempts: dict[int, Attempt] = field(default_factory=dict)  # by job id, as River keeps its active jobs

    @property
    def id(self) -> str:
        """River's default client id: the host and the start by the worker's own clock."""
        start = datetime.fromtimestamp(self.started_at + self.deployment.ahead, UTC)
        return f"{self.host}_{start:%Y_%m_%dT%H_%M_%S_%f}"

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(self.deployment.slots)

    def room(self, queue: str) -> int:
        """Jobs of the queue that this client would still take."""
        held = sum(attempt.claim.queue == queue for attempt in self.attempts.values())
        return max(0, self.deployment.slots.get(queue, 0) - held)


def start_pod(deployment: Deployment, now: float, chance: Random) -> Client:
    """A client in a new pod: a new host name."""
    return Client(deployment, f"{deployment.name}-{chance.getrandbits(16):04x}", now)


def restart_client(client: Client, now: float) -> Client:
    """The client's successor in the same pod: the host stays, the id changes."""
    return Client(client.deployment, client.host, now)
