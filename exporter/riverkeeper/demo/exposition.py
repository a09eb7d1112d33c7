"""Reads a metrics page: sums, the least value, and quantiles from buckets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the page."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Page:
    """The samples of one metrics page."""

    samples: tuple[Sample, ...] = ()

    def find(self, name: str, **labels: str) -> list[Sample]:
        """Samples of this name with at least these labels."""
        return [sample for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """The sum of what is found; 0 where nothing is."""
        return sum(sample.value for sample in self.find(name, **labels))

    def least(self, name: str, **labels: str) -> float | None:
        """The least of what is found; None where nothing is."""
        return min((sample.value for sample in self.find(name, **labels)), default=None)

    def quantile(self, share: float, name: str, **labels: str) -> float | None:
        """A quantile of a histogram, series of all other labels put together; None where it is empty."""
        counts: dict[float, float] = {}
        for sample in self.find(f"{name}_bucket", **labels):
            edge = float(sample.labels["le"])
            counts[edge] = counts.get(edge, 0.0) + sample.value
        return quantile(share, sorted(counts.items()))


def read(text: str) -> Page:
    """The page from its text; raises ValueError where it is none."""
    families = text_string_to_metric_families(text)
    return Page(
        tuple(Sample(sample.name, sample.labels, sample.value) for family in families for sample in family.samples),
    )


def quantile(share: float, cumulative: Sequence[tuple[float, float]]) -> float | None:
    """As histogram_quantile: linear inside a bucket, the last finite edge where it lies above all of them."""
    if not cumulative or cumulative[-1][1] <= 0:
        return None
    rank = share * cumulative[-1][1]
    low, below = 0.0, 0.0
    for edge, count in cumulative:
        if count >= rank and count > below:
            return low if math.isinf(edge) else low + (edge - low) * (rank - below) / (count - below)
        low, below = edge, count
    return low
