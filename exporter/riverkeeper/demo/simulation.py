"""Decides what the fleet does next, from state in memory and seeded chance. Other modules read and write the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from riverkeeper.demo.attempt import Attempt, FetchedJob, Result, plan, result
from riverkeeper.demo.clients import DEPLOYMENTS, Client, Deployment, restart_client, start_pod
from riverkeeper.demo.kinds import BY_NAME, KINDS, QUEUES, STRANGE, Ending, Kind, count_arrivals

RESTART_SECONDS = 4.0  # a crashed container is back after this long
DEPLOY_SECONDS = 45.0  # one client after the other gets a new pod, so hung jobs do not fill all slots
# A worker of build_report is killed with the jobs it holds, as by the kernel when memory is short.
KILLED_SERVICE, KILL_FROM, KILL_EVERY = "reports", 14.0, 50.0
PAUSED_QUEUE, PAUSE_EVERY, PAUSE_FROM, PAUSE_SECONDS = "mail", 90.0, 6.0, 10.0


@dataclass(frozen=True, slots=True)
class Want:
    """A client asking a queue for jobs."""

    client: str
    queue: str
    slots: int
    ahead: float = 0.0  # seconds by which its clock dates the claim ahead of the database's


@dataclass(slots=True)
class Turn:
    """What happened between two looks."""

    results: list[Result] = field(default_factory=list)
    stopped: list[Client] = field(default_factory=list)  # in order; crashed ones say nothing
    started: list[Client] = field(default_factory=list)
    killed: list[Client] = field(default_factory=list)  # with the attempts that they held
    hung: list[Attempt] = field(default_factory=list)  # since the last look


class Simulation:
    """The fleet from `start` on (Unix seconds); the same seed and the same claims give the same acts."""

    def __init__(self, seed: int, start: float, deployments: tuple[Deployment, ...] = DEPLOYMENTS) -> None:
        self._seed = seed
        self.start = start
        self._chance = Random(seed)
        self.clients: list[Client] = [start_pod(deployment, start, self._chance) for deployment in deployments]
        self._coming_back: list[tuple[float, Client]] = []
        self._deploy_at = start + DEPLOY_SECONDS
        self._inserted = {kind.name: 0 for kind in KINDS}
        self._kill_at = start + KILL_FROM
        self._looked_at = start

    def arrivals(self, now: float) -> list[tuple[Kind, int]]:
        """Kinds and how many jobs of each came since the last call."""
        news = []
        for kind in KINDS:
            total = count_arrivals(kind, now - self.start)
            if fresh := total - self._inserted[kind.name]:
                news.append((kind, fresh))
                self._inserted[kind.name] = total
        return news

    def wants(self) -> list[Want]:
        """At most one client a queue, the one with most room: two in one statement would claim the same rows."""
        asked = []
        for queue in QUEUES:
            idlest = max(self.clients, key=lambda client: client.room(queue), default=None)
            if idlest is not None and (slots := idlest.room(queue)):
                asked.append(Want(idlest.id, queue, slots, idlest.deployment.claims_ahead))
        return asked

    def take(self, claims: Iterable[FetchedJob]) -> None:
        """Start the attempts of what was claimed."""
        by_id = {client.id: client for client in self.clients}
        for claim in claims:
            kind = BY_NAME.get(claim.kind, STRANGE)
            by_id[claim.client].attempts[claim.id] = plan(claim, kind, self._chance_of(claim, "fate"))

    def advance(self, now: float) -> Turn:
        """Everything that ended, died, left or came until now."""
        turn = Turn()
        for client in tuple(self.clients):
            turn.hung += [attempt for attempt in client.attempts.values() if self._has_hung(attempt, now)]
            self._end_attempts(client, now, turn)
        self._looked_at = now
        self._kill(now, turn)
        self._bring_back(now, turn)
        if now >= self._deploy_at:
            self._deploy_at += DEPLOY_SECONDS
            self._deploy(now, turn)
        return turn

    def candidate(self, leader: str | None) -> str | None:
        """Who asks to lead: the leader itself if it lives, else anyone; None where nobody lives."""
        if self.lives(leader):
            return leader
        return self._chance.choice(self.clients).id if self.clients else None

    def lives(self, client_id: str | None) -> bool:
        """Whether a client of this id is at work."""
        return any(client.id == client_id for client in self.clients)

    def paused(self, now: float) -> bool:
        """Whether PAUSED_QUEUE is paused just now, by someone who investigates something."""
        return 0 <= (now - self.start) % PAUSE_EVERY - PAUSE_FROM < PAUSE_SECONDS

    def refresh_seconds(self, queue: str) -> float | None:
        """How often the row of a queue is refreshed: as its quickest client does. None: it has no client."""
        rhythms = [client.deployment.refresh_seconds for client in self.clients if queue in client.queues]
        return min(rhythms, default=None)

    def _end_attempts(self, client: Client, now: float, turn: Turn) -> None:
        due = [attempt for attempt in client.attempts.values() if attempt.ends_at <= now]
        for attempt in sorted(due, key=lambda attempt: attempt.ends_at):
            if attempt.ending is Ending.CRASH:
                self._crash(client, now, turn)
                return
            del client.attempts[attempt.claim.id]
            turn.results += self._reported(client, attempt, attempt.ending, attempt.ends_at)

    def _has_hung(self, attempt: Attempt, now: float) -> bool:
        """Whether it has come to hang since the last look."""
        return attempt.hangs_at is not None and self._looked_at < attempt.hangs_at <= now

    def _kill(self, now: float, turn: Turn) -> None:
        """Now and then, the client of KILLED_SERVICE that holds most jobs; later where none holds any."""
        clients = [client for client in self.clients if client.deployment.name == KILLED_SERVICE and client.attempts]
        if clients and now >= self._kill_at:
            self._kill_at = now + KILL_EVERY
            self._crash(max(clients, key=lambda client: len(client.attempts)), now, turn)

    def _crash(self, client: Client, now: float, turn: Turn) -> None:
        """The process is gone: what it held stays as it is in the table, and nobody will ever report it."""
        self.clients.remove(client)
        turn.killed.append(client)
        self._coming_back.append((now + RESTART_SECONDS, client))

    def _bring_back(self, now: float, turn: Turn) -> None:
        for at, client in tuple(self._coming_back):
            if at <= now:
                self._coming_back.remove((at, client))
                self._arrive(restart_client(client, now, self._chance), turn)

    def _deploy(self, now: float, turn: Turn) -> None:
        """Replace the oldest client; it gives back what it can stop, its hung jobs stay `running`."""
        if not self.clients:
            return
        oldest = min(self.clients, key=lambda client: client.started_at)
        for attempt in oldest.attempts.values():
            if attempt.ending is not Ending.HANG:
                turn.results += self._reported(oldest, attempt, Ending.INTERRUPT, now)
        self.clients.remove(oldest)
        turn.stopped.append(oldest)
        self._arrive(start_pod(oldest.deployment, now, self._chance), turn)

    def _arrive(self, client: Client, turn: Turn) -> None:
        self.clients.append(client)
        turn.started.append(client)

    def _reported(self, client: Client, attempt: Attempt, ending: Ending, at: float) -> list[Result]:
        chance = self._chance_of(attempt.claim, "report")
        written = result(attempt, ending, at, client.deployment.ahead, chance)
        return [] if written is None else [written]

    def _chance_of(self, claim: FetchedJob, about: str) -> Random:
        """Chance by claim, so that a job's fate does not hang on the order in which the table answered."""
        return Random(f"{self._seed}/{about}/{claim.id}/{claim.attempt}/{claim.snoozes}")
