"""A metric family: one value with its name, type, help, labels and the function of its samples. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Generic, TypeVar

from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]
Source = TypeVar("Source")


class MetricType(StrEnum):
    """The Prometheus types in use; AGES is a histogram that may fall (OpenMetrics' gauge histogram)."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    AGES = "gaugehistogram"


class Per(StrEnum):
    """What one series of a family belongs to, and with it how many series there are."""

    SERVER = "server"
    QUEUE = "queue"
    PAIR = "queue and kind"
    OTHER = "something else of a small, fixed number"


@dataclass(frozen=True, slots=True)
class Bucketed:
    """Value of a histogram: `counts` per bucket, not cumulative, one more than the family has edges; sum in seconds."""

    counts: tuple[int, ...]
    sum: float


Value = float | Bucketed
Samples = Iterable[tuple[Labels, Value]]


@dataclass(frozen=True, slots=True)
class Family(Generic[Source]):
    """A metric family as a value: to add one, add one of these to a list of the catalogue."""

    name: str
    kind: MetricType
    help: str  # what is counted, in which unit, from where; when the series is absent
    labels: Labels
    samples: Callable[[Source], Samples]  # nothing where the source could not tell
    edges: tuple[float, ...] = ()  # upper bounds of a histogram, seconds, without +Inf
    per: Per = Per.SERVER
    times: int = 1  # label combinations for each of what `per` names, at most

    @property
    def of_one_process(self) -> bool:
        """Acts of one process are summed over replicas; facts of the database are equal on all of them."""
        return self.name.startswith("riverkeeper_")

    def series(self) -> int:
        """Series for each of what `per` names, at most."""
        return self.times * (len(self.edges) + 3 if self.kind in {MetricType.HISTOGRAM, MetricType.AGES} else 1)


@cache
def format_edge(edge: float) -> str:
    """An edge as Prometheus itself writes it (60.0), or its newer versions would rename the series."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]
