"""/: what this is, which database it watches, and whether the reading of it works."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from riverkeeper.formats import server_version, span
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.service import Service
from riverkeeper.web.pages.live_queues import STATES, queue_rows
from riverkeeper.web.pages.render import Pages
from riverkeeper.web.pages.status import standing, unverified
from riverkeeper.web.web_config.security import Security

ANSWER_SECONDS = 3.0  # a person waits no longer for a page to appear
QUEUES_SHOWN = 30


class Front:
    """The front page. It comes within ANSWER_SECONDS whatever the database does."""

    def __init__(self, service: Service, security: Security, pages: Pages, clock: Callable[[], float]) -> None:
        self._service = service
        self._security = security
        self._pages = pages
        self._clock = clock

    async def page(self, request: Request) -> Response:
        """Always 200: a page that explains a database that is down has done its work."""
        snapshot = await self._service.snapshot(ANSWER_SECONDS)
        rows = queue_rows(snapshot)
        return self._pages.html(
            "front.html",
            snapshot=snapshot,
            age=max(0.0, self._clock() - snapshot.taken_at),
            failed=[query for query in snapshot.queries if query.error],
            queries=_worst_first(snapshot.queries),
            facts=watched(snapshot),
            verdicts=standing(snapshot),
            suspected=suspected(snapshot),
            unverified=unverified(snapshot),
            columns=STATES,
            queues=rows[:QUEUES_SHOWN],
            more_queues=len(rows[QUEUES_SHOWN:]),
            notes=[*snapshot.notices, *self._own_notes()],
        )

    def _own_notes(self) -> list[str]:
        problem = self._security.problem
        return [f"The changed web configuration was not taken, the one before stays: {problem}"] if problem else []


def _worst_first(queries: Iterable[QueryOutcome]) -> list[QueryOutcome]:
    return sorted(queries, key=lambda query: (query.error is None, -query.seconds))


def suspected(snapshot: Snapshot) -> int:
    """How many running jobs may be stuck, as far as they are looked at."""
    return sum(snapshot.verdicts.suspected_counts.values()) if snapshot.verdicts else 0


def watched(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What is known of the database and of River, as pairs of a word and a value."""
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
        facts.append(("Our clock", _clock(skew)))
    if finished := snapshot.finished:
        kept = "in the keeper schema" if finished.durable else "in memory only: a restart begins at 0"
        facts.append(("Counters of finished jobs", kept))
    return facts


def _clock(skew: float) -> str:
    return (
        f"{span(skew)} {'ahead of' if skew > 0 else 'behind'} the database's"
        if abs(skew) >= 0.001
        else "as the database's"
    )


def _leader(leader_id: str, expired_for: float) -> str:
    return leader_id if expired_for <= 0 else f"nobody: {leader_id}'s term ended {span(expired_for)} ago"
