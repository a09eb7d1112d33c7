"""/: which database Riverkeeper watches, whether it can read it, and how the live jobs and rescues are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from riverkeeper.formats import server_version, span
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.service import Service
from riverkeeper.verdict.job import Partition
from riverkeeper.web.pages.answers import Answer, answer
from riverkeeper.web.pages.status import describe_status
from riverkeeper.web.pages.templates import Templates
from riverkeeper.web.web_config.security import Security

ANSWER_SECONDS = 3.0  # nobody waits longer for a page
QUEUES_SHOWN = 30
STATES = ("available", "running", "retryable", "scheduled", "pending")  # the page's columns, in their order


class FrontPage:
    """The front page. It comes within ANSWER_SECONDS whatever the database does."""

    def __init__(self, service: Service, security: Security, templates: Templates, clock: Callable[[], float]) -> None:
        self._service = service
        self._security = security
        self._templates = templates
        self._clock = clock

    async def page(self, request: Request) -> Response:
        """Always 200: a page that explains why the database cannot be read is an answer."""
        snapshot = await self._service.snapshot(ANSWER_SECONDS)
        rows, answers = queue_rows(snapshot), answer(snapshot, self._service.policy())
        return self._templates.html(
            "front.html",
            snapshot=snapshot,
            age=max(0.0, self._clock() - snapshot.taken_at),
            failed=[query for query in snapshot.queries if query.error],
            queries=_worst_first(snapshot.queries),
            facts=describe_target(snapshot),
            verdicts=describe_status(snapshot),
            answers=answers,
            needs=[*answers.needs, *(Answer(notice) for notice in self._own_notices())],
            columns=STATES,
            queues=rows[:QUEUES_SHOWN],
            more_queues=len(rows[QUEUES_SHOWN:]),
            notices=[*snapshot.notices, *self._own_notices()],
        )

    def _own_notices(self) -> list[str]:
        problem = self._security.problem
        return [f"The changed web configuration is not in force, the previous one stays: {problem}"] if problem else []


def _worst_first(queries: Iterable[QueryOutcome]) -> list[QueryOutcome]:
    return sorted(queries, key=lambda query: (query.error is None, -query.seconds))


def describe_target(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What is known about the database and River, as pairs of a name and a value."""
    facts: list[tuple[str, str]] = []
    if target := snapshot.target:
        role = "a standby (read-only)" if target.standby else "the primary"
        facts.append(("Database", f"{target.database}, {role}, PostgreSQL {server_version(target.server_version)}"))
        facts.append(("River schema", target.river_schema))
        facts.append(("Keeper schema", target.keeper_schema))
    if snapshot.fence is not None:
        facts.append(("Fence", snapshot.fence.message))
    if snapshot.migrations:
        lines = ", ".join(f"{line} {version}" for line, version in sorted(snapshot.migrations.items()))
        facts.append(("River's migrations", lines))
    if snapshot.now is not None and (leader := snapshot.leader):
        facts.append(("River's leader", _leader(leader.leader_id, snapshot.now - leader.expires_at)))
    if (skew := snapshot.clock_skew) is not None:
        facts.append(("Clock of this host", _describe_skew(skew)))
    if finished := snapshot.finished:
        kept = "in the keeper schema" if finished.durable else "in memory only: they restart at 0"
        facts.append(("Counts of finished jobs", kept))
    return facts


def _describe_skew(skew: float) -> str:
    return (
        f"{span(skew)} {'ahead of' if skew > 0 else 'behind'} the database's"
        if abs(skew) >= 0.001
        else "equal to the database's"
    )


def _leader(leader_id: str, expired_for: float) -> str:
    return leader_id if expired_for <= 0 else f"none: the leadership of {leader_id} ended {span(expired_for)} ago"


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue."""

    name: str
    paused: bool
    counts: tuple[int | None, ...]  # partition for each of STATES; None where it was not read, which is not 0
    estimated: frozenset[str]  # the states whose number is an estimate
    oldest_due: float | None  # seconds since the longest waiting available job became due


def queue_rows(snapshot: Snapshot) -> list[QueueRow]:
    """Queues with the most live jobs first, those of river_queue without any at the end."""
    waiting: dict[str, list[Partition]] = defaultdict(list)
    for partition in snapshot.partitions or ():
        waiting[partition.queue].append(partition)
    running = _running(snapshot)
    paused = {queue.name: queue.paused for queue in snapshot.queues or ()}
    rows = [
        QueueRow(
            name=name,
            paused=paused.get(name, False),
            counts=_counts(snapshot, waiting[name], running[name]),
            estimated=frozenset(partition.state for partition in waiting[name] if partition.estimated),
            oldest_due=_oldest_due(waiting[name], snapshot.now),
        )
        for name in waiting.keys() | running.keys() | paused.keys()
    ]
    return sorted(rows, key=lambda row: (-sum(number or 0 for number in row.counts), row.name))


def _running(snapshot: Snapshot) -> Counter[str]:
    running = Counter[str]()
    for pair in snapshot.running.pairs if snapshot.running else ():
        running[pair.queue] += pair.jobs
    return running


def _counts(snapshot: Snapshot, waiting: list[Partition], running: int) -> tuple[int | None, ...]:
    counts = Counter[str]()
    for partition in waiting:
        counts[partition.state] += partition.jobs
    known: dict[str, int | None] = {state: None if snapshot.partitions is None else counts[state] for state in STATES}
    known["running"] = None if snapshot.running is None else running
    return tuple(known.values())


def _oldest_due(waiting: list[Partition], now: float | None) -> float | None:
    due = [partition.first_at for partition in waiting if partition.state == "available" and partition.due]
    return max(0.0, now - min(due)) if due and now is not None else None
