"""docs/metrics.md, written from the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from riverkeeper.ledger.names import MAX_QUEUES
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.family import Family, MetricType, Per

_TYPES = {MetricType.AGES: "gauge histogram"}


def metrics_markdown() -> str:
    """The whole document."""
    families: list[Family[Any]] = [*OF_SNAPSHOT, *ACTS, *PROCESS]
    return "\n".join([_HEAD, *_table(families), "", *_sizes(families), "", *_edges(families)]) + "\n"


_HEAD = """# Metrics

<!-- Written by `make generate` from exporter/riverkeeper/metrics/catalogue. Do not edit. -->

A moment is a Unix time in seconds. A moment or an age that does not exist has no series; it is never 0. Counts of
queues and kinds that were seen in the last hour are 0 where there is nothing to count. When a query fails, its families
are absent from that scrape (`riverkeeper_query_success`); they never repeat the last value.

**Replicas.** `river_*` are facts of the database, equal on every replica: take the rate first, then
`max without (instance, pod)`. `riverkeeper_*` describe one process: sum counters over replicas, look at each gauge.

**Names.** Users choose the values of `kind` and `queue`, so their number is bounded. At most `collect.max_pairs` pairs
have series of their own; the rest of a queue counts as `kind="other"`, and queues beyond {queues} as `queue="other"`.
Job ids, client ids and error texts are never labels: `/failing` shows them.
""".replace("{queues}", str(MAX_QUEUES))


def _table(families: Iterable[Family[Any]]) -> Iterable[str]:
    yield "| family | type | labels | meaning | series |"
    yield "|---|---|---|---|---|"
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        series = f"{family.series()} per {family.per}" if family.per in {Per.QUEUE, Per.PAIR} else str(family.series())
        kind = _TYPES.get(family.kind, family.kind.value)
        yield f"| `{family.name}` | {kind} | {labels} | {family.help} | {series} |"


def _sizes(families: Iterable[Family[Any]]) -> Iterable[str]:
    per = {what: sum(family.series() for family in families if family.per is what) for what in Per}
    fixed = per[Per.SERVER] + per[Per.OTHER]
    yield "## How many series"
    yield ""
    yield f"At most {per[Per.PAIR]} per pair of queue and kind, {per[Per.QUEUE]} per queue, and {fixed} besides"
    yield f"(60 pairs in 8 queues: at most {60 * per[Per.PAIR] + 8 * per[Per.QUEUE] + fixed},"
    yield "with every priority in use). `riverkeeper_series` counts them."


def _edges(families: Iterable[Family[Any]]) -> Iterable[str]:
    yield "## Buckets"
    yield ""
    for family in families:
        if family.edges:
            yield f"- `{family.name}`: {', '.join(f'{edge:g}' for edge in family.edges)} seconds"
