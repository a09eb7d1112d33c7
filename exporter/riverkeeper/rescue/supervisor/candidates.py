"""Which of the stuck jobs a pass may try, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode, Tier, stricter_mode
from riverkeeper.rescue.decision import decide
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.wakes.wake import Wake
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import StuckJob


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stuck job, with what policy says of it before anything is locked."""

    stuck: StuckJob
    tier: Tier
    dry_run: bool
    woken_by: str
    refused: Skipped | None  # None: a rescue may be tried

    @property
    def is_reported(self) -> bool:
        """Whether it rests on a report of its client, so that a doubt about missed heartbeats does not hold it."""
        return self.stuck.verdict.reason.is_reported


def candidates(
    stuck: Iterable[StuckJob], policy: Policy, mode: Mode, wakes: Collection[Wake], now: float, *, supervisor: bool
) -> Iterator[Candidate]:
    """All that a pass looks at: with a supervisor every stuck job, else those that a wake covers."""
    for one in stuck:
        wake = next((wake for wake in wakes if wake.call.scope.covers(one)), None)
        if wake is None and not supervisor:
            continue
        job = one.job
        tier = tier_of(policy, job.queue, job.kind, job.priority)
        effective = stricter_mode(mode, tier.mode)
        yield Candidate(
            one,
            tier,
            effective is not Mode.LIVE,
            wake.woken_by if wake else "supervisor",
            Skipped(Refusal.MODE) if effective is Mode.DISABLED else _by_policy(one, tier, now),
        )


def in_turn(found: Iterable[Candidate], tried_at: Mapping[Claim, float]) -> list[Candidate]:
    """Never tried ones first, in their order (longest past the limit first), then those tried longest ago.

    A row that is locked for hours must not keep the others from their turn. What needs no missed heartbeat comes before
    all of them, since fewer brakes hold it.
    """
    return sorted(found, key=lambda one: (not one.is_reported, tried_at.get(one.stuck.job.claim, float("-inf"))))


def group(waiting: Sequence[Candidate], at_most: int) -> tuple[list[Candidate], list[Candidate]]:
    """Those that go into one transaction with the first, and the others.

    Rows and tombstones never together: a tombstone may wait for a beat, and that beat for one of the rows.
    """
    like_first = _likeness(waiting[0])
    together, others = list[Candidate](), list[Candidate]()
    for one in waiting:
        (together if len(together) < at_most and _likeness(one) == like_first else others).append(one)
    return together, others


def _likeness(one: Candidate) -> tuple[bool, bool, bool]:
    return one.stuck.job.has_row, one.dry_run, one.is_reported


def _by_policy(stuck: StuckJob, tier: Tier, now: float) -> Skipped | None:
    decided = decide(stuck.job, stuck.verdict, tier, now)
    return decided if isinstance(decided, Skipped) else None
