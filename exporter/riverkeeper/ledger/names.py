"""Which queues and kinds are exported under their own name, and which fold into `other`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Pair = tuple[str, str]  # (queue, kind)
Name = TypeVar("Name", str, Pair)
OTHER = "other"
MAX_QUEUES = 200  # a queue costs about 150 series, so these are half of what a page may have
STICKY_SECONDS = 3600  # a name stays at least this long after it was last seen
SEEN_SECONDS = 60  # the time last seen is kept to the minute: each change is written to the database
FORGET_SECONDS = 30 * 86400  # longer than any usual schedule: the kind is gone from the code


@dataclass(frozen=True, slots=True)
class Names:
    """The kept names with the database's time at which each was last seen live or finished, to the minute."""

    queues: Mapping[str, float]
    pairs: Mapping[Pair, float]

    def queue(self, queue: str) -> str:
        return queue if queue in self.queues else OTHER

    def pair(self, pair: Pair) -> Pair:
        """The name under which a pair is exported."""
        return pair if pair in self.pairs else (self.queue(pair[0]), OTHER)

    def recent(self, now: float) -> frozenset[Pair]:
        """Kept pairs seen within the last hour: their zeros are shown."""
        return frozenset(pair for pair, seen in self.pairs.items() if seen >= now - STICKY_SECONDS)

    def recent_queues(self, now: float) -> frozenset[str]:
        """Kept queues seen within the last hour."""
        return frozenset(queue for queue, seen in self.queues.items() if seen >= now - STICKY_SECONDS)


NO_NAMES = Names({}, {})


def keep(names: Names, live: Mapping[Pair, int], finished: Mapping[Pair, float], now: float, max_pairs: int) -> Names:
    """The names after a step that saw `live` jobs, and `finished` ones with the time of the latest.

    A newcomer gets a name while there is room, or in the place of one not seen for an hour: the pairs with most live
    jobs first, then those that finished last. A name that is in use is never taken away for another.
    """
    order = sorted(live.keys() | finished.keys(), key=lambda pair: (-live.get(pair, 0), -finished.get(pair, 0.0), pair))
    # A user's own "other" needs no name: it is counted with the rest, which nobody may take its name from.
    seen = {pair: now if pair in live else finished[pair] for pair in order if OTHER not in pair}
    queues = _keep(names.queues, _by_queue(seen), now, MAX_QUEUES)
    pairs = {pair: when for pair, when in names.pairs.items() if pair[0] in queues}
    return Names(queues, _keep(pairs, {pair: when for pair, when in seen.items() if pair[0] in queues}, now, max_pairs))


def count_unnamed(names: Names, live: Iterable[Pair]) -> int:
    """How many live pairs have no name of their own."""
    return sum(pair not in names.pairs for pair in live)


def _by_queue(seen: Mapping[Pair, float]) -> dict[str, float]:
    queues: dict[str, float] = {}
    for (queue, _), when in seen.items():
        queues[queue] = max(when, queues.get(queue, when))
    return queues


def _keep(kept: Mapping[Name, float], seen: Mapping[Name, float], now: float, most: int) -> dict[Name, float]:
    result = {name: when for name, when in kept.items() if when >= now - FORGET_SECONDS or name in seen}
    result |= {name: seen[name] for name in result.keys() & seen.keys() if seen[name] > result[name] + SEEN_SECONDS}
    idle = sorted((name for name in result if result[name] < now - STICKY_SECONDS), key=lambda name: -result[name])
    for name in _newcomers(seen, result):
        if len(result) >= most:
            if not idle:
                break
            del result[idle.pop()]
        result[name] = seen[name]
    return dict(sorted(result.items(), key=lambda item: -item[1])[:most])  # fewer than before, after a reload


def _newcomers(seen: Mapping[Name, float], kept: Collection[Name]) -> list[Name]:
    return [name for name in seen if name not in kept]
