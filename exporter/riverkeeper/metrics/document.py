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

Moments are Unix seconds; a moment or an age that does not exist has no series, never 0. Counts of queues and kinds
seen in the last hour are filled with 0. A query that fails makes its own families absent for that
scrape (`riverkeeper_query_success`), never the last value again.

**Replicas.** `river_*` are facts of the database, equal on every replica: take the rate first, then
`max without (instance, pod)`. `riverkeeper_*` are of one process: sum counters over replicas, look at each gauge.

**Names.** `kind` and `queue` are written by users. At most `collect.max_pairs` pairs have series of their own; the rest
of a queue is `kind="other"`, and beyond {queues} queues `queue="other"`. Job ids, client ids and error texts are
never labels: see `/failing`.
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
    yield f"(60 pairs in 8 queues: {60 * per[Per.PAIR] + 8 * per[Per.QUEUE] + fixed} at the very most, "
    yield "with every priority in use). `riverkeeper_series` counts them."


def _edges(families: Iterable[Family[Any]]) -> Iterable[str]:
    yield "## Buckets"
    yield ""
    for family in families:
        if family.edges:
            yield f"- `{family.name}`: {', '.join(f'{edge:g}' for edge in family.edges)} seconds"
