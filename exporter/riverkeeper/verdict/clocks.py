"""By whose clock a claim was dated, and when it was made at the latest by the database's clock. Pure.

River for Go, Rust and JavaScript writes attempted_at by the database's clock. River for Ruby and Java writes it by the
clock of the worker's host, which may be minutes off. An age by such a clock must not take a job away: it counts from
when the claim was first seen. Its own first heartbeat shows it, by the database's clock; else Riverkeeper's reads do.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from riverkeeper.verdict.client_ids import parse_client_id, software_name
from riverkeeper.verdict.job import RunningPair

MOST_SKEW = 300.0  # seconds that a worker's clock may be off; a host without time service drifts so far in some months
CANCEL_SLACK = 5.0  # seconds that two clocks differ where both are set by a time service
# Clients whose River dates claims by the database's clock; of Python, the statement that the contract asks for.
DATABASE_CLOCK = frozenset({"riverbeat-go", "riverbeat-rust", "riverbeat-js", "riverkeeper-python"})


def claims_by_own_clock(client_id: str | None, software: Iterable[str] = ()) -> bool:
    """Whether attempted_at of a client's claims may be by its own clock.

    Its id decides, where the id has the form of a runtime; else `software`, the heartbeat clients of its processes: one
    that is not known may be used with any runtime. Where neither is known, attempted_at is taken as it is: then nothing
    beats, and no worker is called lost.
    """
    known = parse_client_id(client_id) if client_id is not None else None
    if known is not None:
        return known.runtime.claims_by_own_clock
    return any(software_name(name) not in DATABASE_CLOCK for name in software)


def latest_claim_at(claimed_at: float, seen_at: float, first_beat_at: float | None = None) -> float:
    """When a claim was made at the latest, by the database's clock, if it is dated by another one.

    `seen_at`: when it was first seen. Where its first heartbeat is known, that counts alone, so that the answer does
    not depend on which replica is asked.
    """
    return min(seen_at if first_beat_at is None else first_beat_at, claimed_at + MOST_SKEW)


def is_cancel_of_claim(cancel_at: float | None, claimed_at: float, claimed_before: float | None) -> bool | None:
    """Whether a cancel was requested of this claim, and not of an earlier one. None: the clocks leave it open.

    `cancel_at` is by the clock of the program that requested it. `claimed_at` is by the database's clock where
    `claimed_before` is None; else it may be off, and the claim was made by then at the latest.
    """
    if cancel_at is None:
        return False
    if cancel_at >= (claimed_at if claimed_before is None else claimed_before) - CANCEL_SLACK:
        return True
    earliest = claimed_at if claimed_before is None else claimed_at - MOST_SKEW
    return False if cancel_at < earliest - MOST_SKEW else None


Seen = TypeVar("Seen", bound=Hashable)


@dataclass(slots=True)
class FirstSeen(Generic[Seen]):
    """When each of some values was first seen, by the database's clock. It forgets what is not seen any more."""

    since: dict[Seen, float] = field(default_factory=dict)

    def update(self, seen: Iterable[Seen], now: float) -> None:
        """These values are seen at `now`, and no others."""
        self.since = {value: min(self.since.get(value, now), now) for value in seen}


@dataclass(slots=True)
class SeenClaims:
    """When claims that are dated by another clock were first seen, by what a scrape reads in any case."""

    groups: FirstSeen[tuple[str, str, int, float]] = field(default_factory=FirstSeen)  # oldest that never beat
    claims: FirstSeen[tuple[int, str]] = field(default_factory=FirstSeen)  # (job, attempted_at) of suspects
    newest: FirstSeen[tuple[str, float]] = field(default_factory=FirstSeen)  # of each client, of those without beats
    leader: FirstSeen[tuple[str, float]] = field(default_factory=FirstSeen)  # (client, expires_at): a renewal

    def look(self, pairs: Iterable[RunningPair], leader: tuple[str, float] | None, now: float) -> None:
        """The groups of running jobs and River's leader, at `now`."""
        oldest = ((p.queue, p.kind, p.priority, p.oldest_unbeaten) for p in pairs if p.oldest_unbeaten is not None)
        self.groups.update(oldest, now)
        self.leader.update([leader] if leader else [], now)

    def first_seen(self, claim: tuple[int, str], group: tuple[str, str, int, float], now: float) -> float:
        """When a claim was first seen, at the latest now. `group`: its own, with its attempted_at.

        The claims of one fetch have one attempted_at. So a group whose oldest claim has had this one for a while held
        them all.
        """
        return min(self.claims.since.get(claim, now), self.groups.since.get(group, now))
