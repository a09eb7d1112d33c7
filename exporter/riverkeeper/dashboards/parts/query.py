"""PromQL over the families of the catalogue: each expression is correct with any number of replicas. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from riverkeeper.dashboards.parts.scope import RIVER_LABELS, RIVER_NAME
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.family import Family

FAMILIES: tuple[Family[Any], ...] = (*OF_SNAPSHOT, *ACTS, *PROCESS)
LABELS = {family.name: family.labels for family in FAMILIES}
RATE = "[$__rate_interval]"
MINUTE = 60

# One River, whose replicas are the instances that the board has found; all that the fleet board's filters let in.
ONE_RIVER = {name: f"${name}" for name in RIVER_NAME} | {"instance": "~$instance"}
ALL_RIVERS = {name: f"~${name}" for name in RIVER_LABELS}


@dataclass(frozen=True, slots=True)
class Queries:
    """Parts of expressions, from raw metrics: boards work without the recording rules.

    river_* are facts of the database, equal on every replica: rate first, then `max without` the replica labels.
    riverkeeper_*_total are actions of one process: summed over replicas. None removes a filter of the board.
    """

    replica_labels: tuple[str, ...]
    filters: tuple[str, ...] = ()  # labels that the board has a variable for, of the same name
    river: Mapping[str, str] = field(default_factory=lambda: ONE_RIVER)
    one_kind: bool = False  # the variable takes one value, which Grafana does not escape for a regular expression

    def select(self, family: str, suffix: str = "", /, **matchers: str | None) -> str:
        """A selector; "~" before a value makes it a regular expression, "!" one that must not match.

        Raises KeyError for an unknown family.
        """
        chosen: dict[str, str | None] = dict(self.river)
        chosen |= self._filtered(LABELS[family]) | matchers
        inside = ", ".join(_matcher(label, value) for label, value in chosen.items() if value is not None)
        return f"{family}{suffix}" + (f"{{{inside}}}" if inside else "")

    def recorded(self, name: str, **matchers: str) -> str:
        """A selector of a series of the recording rules, whose name begins with its labels: `queue_tier:…`.

        Only for what raw metrics cannot give at the price of a panel: error budgets over a month.
        """
        labels = name.partition(":")[0].split("_")
        chosen = {label: value for label, value in self.river.items() if label != "instance"}
        chosen |= self._filtered(labels) | matchers
        return f"{name}{{{', '.join(_matcher(label, value) for label, value in chosen.items())}}}"

    def _filtered(self, labels: Sequence[str]) -> dict[str, str]:
        """The board's filters among these labels."""
        return {
            label: f"${label}" if label == "kind" and self.one_kind else f"~${label}"
            for label in self.filters
            if label in labels
        }

    def once(self, inner: str) -> str:
        """A fact that several replicas report, counted once."""
        return f"max without ({', '.join(self.replica_labels)}) ({inner})"

    def fact(self, family: str, **matchers: str | None) -> str:
        return self.once(self.select(family, **matchers))

    def rate(self, family: str, suffix: str = "", offset: str = "", **matchers: str | None) -> str:
        """Per second, of a counter that is a fact."""
        return self.once(f"rate({self.select(family, suffix, **matchers)}{RATE}{offset})")

    def per_minute(self, family: str, **matchers: str | None) -> str:
        """Of a counter that is a fact: people count jobs by the minute, and a slow kind ends less than one a second."""
        return f"{self.rate(family, '', '', **matchers)} * {MINUTE}"

    def increase(self, family: str, suffix: str = "", over: str = RATE, **matchers: str | None) -> str:
        """Of a counter that is a fact."""
        return self.once(f"increase({self.select(family, suffix, **matchers)}{over})")

    def growth(self, family: str, **matchers: str | None) -> str:
        """Per second, of a gauge; the mean of the replicas, for the greatest of two noisy slopes is biased."""
        return f"avg without ({', '.join(self.replica_labels)}) (deriv({self.select(family, **matchers)}{RATE}))"

    def acts(self, family: str, suffix: str = "", **matchers: str | None) -> str:
        """Increase of a counter of one process, of all replicas together."""
        inner = f"increase({self.select(family, suffix, **matchers)}{RATE})"
        return f"sum without ({', '.join(self.replica_labels)}) ({inner})"

    def rare_acts(self, family: str, over: str = "$__rate_interval", **matchers: str | None) -> str:
        """The same for a counter that begins with its first action: increase() alone would not count that action."""
        counter = self.select(family, **matchers)
        inner = f"{counter} unless {counter} offset {over} or increase({counter}[{over}])"
        return f"sum without ({', '.join(self.replica_labels)}) ({inner})"

    def age(self, moment: str, **matchers: str | None) -> str:
        """Seconds since a time; both times are of the database's clock and of one scrape."""
        return self.once(self.ago(moment, **matchers))

    def ago(self, moment: str, **matchers: str | None) -> str:
        """The same for each replica."""
        now = self.select("riverkeeper_snapshot_timestamp_seconds")
        then = self.select(moment, **matchers)
        if not LABELS[moment]:
            return f"{now} - {then}"
        return f"{now} - ignoring ({', '.join(LABELS[moment])}) group_right () {then}"

    def quantile(self, q: float, family: str, offset: str = "", **matchers: str | None) -> str:
        """Of a histogram's recent observations, seconds; nothing where there were none."""
        return f"histogram_quantile({q}, sum by (le) ({self.rate(family, '_bucket', offset, **matchers)})) >= 0"


def _matcher(label: str, value: str) -> str:
    if value.startswith("~"):
        return f'{label}=~"{value[1:]}"'
    return f'{label}!~"{value[1:]}"' if value.startswith("!") else f'{label}="{value}"'


def by(labels: str, inner: str, how: str = "sum") -> str:
    """Aggregate by labels, given as in PromQL: "queue, kind"."""
    return f"{how} by ({labels}) ({inner})"


def total(inner: str, how: str = "sum") -> str:
    return f"{how}({inner})"
