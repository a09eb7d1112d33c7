"""Which rows need to be looked at one by one? A healthy fleet has none, and costs no question. Pure.

A job that `judge` would call stuck or suspected is always in a group that is sought, by a threshold that it has passed:
limits are only ever raised above those that are compared here.
"""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.verdict.cells import Cell
from riverkeeper.verdict.judge import RESULT, age
from riverkeeper.verdict.verdict import Limit


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for among the jobs of a group: seconds that must have passed; None: not looked for."""

    queue: str
    kind: str
    priority: int
    drain: float  # the tier's: a lease raises the limit of silence to lease + drain
    silent: float | None = None  # since the last beat
    still: float | None = None  # since the last progress
    unbeaten: float | None = None  # since the claim, without any beat
    took: float | None = None  # since the claim
    ended: float | None = None  # since its client gave the claim up

    @property
    def is_anything(self) -> bool:
        return (self.silent, self.still, self.unbeaten, self.took, self.ended) != (None, None, None, None, None)


def sought(cell: Cell, now: float, path_ok_since: float | None) -> Sought:
    """What may be stuck in a group. Whether anybody can speak for jobs that never beat is asked afterwards."""
    pair, limits = cell.pair, cell.least
    silent = _passed(limits.heartbeat, pair.oldest_beat, now)
    still = _passed(limits.progress, pair.oldest_progress, now)
    return Sought(
        queue=pair.queue,
        kind=pair.kind,
        priority=pair.priority,
        drain=cell.tier.drain,
        silent=silent,
        still=still if _passed(limits.progress, path_ok_since, now) is not None else None,
        unbeaten=_passed(limits.heartbeat, pair.oldest_unbeaten, now),
        took=_passed(limits.run, pair.oldest_claim, now),
        ended=_passed(RESULT, pair.oldest_given_up, now),
    )


def _passed(limit: Limit | None, oldest: float | None, now: float) -> float | None:
    """The limit in seconds, if the oldest of a group has passed it."""
    since = age(oldest, now)
    return limit.seconds if limit is not None and since is not None and since > limit.seconds else None
