"""The metrics page: families of the catalogue, in the text format that the scraper requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import itemgetter

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from riverkeeper.metrics.cardinality import fold_pairs
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.family import Bucketed, Family, Labels, MetricType, Source, Value, format_edge
from riverkeeper.scrape.scrape import Snapshot

# In OpenMetrics and in the client library a counter's family is named without _total.
_SUFFIXES = {
    MetricType.GAUGE: ("",),
    MetricType.COUNTER: ("_total",),
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.AGES: ("_bucket", "_gsum", "_gcount"),
}


class Exposition:
    """Writes the page. `name[]` filters by sample name, as the Prometheus client libraries do."""

    def __init__(self) -> None:
        self._own = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._own)
        PlatformCollector(registry=self._own)

    def page(self, snapshot: Snapshot, process: Process, accept: str, names: frozenset[str]) -> tuple[bytes, str]:
        """The page and its content type."""
        metrics = list(metrics_of(OF_SNAPSHOT, fold_pairs(snapshot), names))
        metrics += metrics_of(ACTS, process.acts, names)
        process.series = sum(len(metric.samples) for metric in [*metrics, *metrics_of(PROCESS, process, names)])
        metrics += metrics_of(PROCESS, process, names)
        encode, content_type = choose_encoder(accept)
        return encode(_Collected([*metrics, *self._of_the_process(names)])), content_type

    def _of_the_process(self, names: frozenset[str]) -> Iterator[Metric]:
        for metric in self._own.collect():
            if not names or any(sample.name in names for sample in metric.samples):
                yield metric


class _Collected:
    """A registry as the encoders see one."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def metrics_of(families: Iterable[Family[Source]], source: Source, names: frozenset[str]) -> Iterator[Metric]:
    """The families with their samples; with `names`, only samples so named. A family without samples is left out."""
    for family in families:
        base = family.name.removesuffix("_total") if family.kind is MetricType.COUNTER else family.name
        wanted = {base + suffix for suffix in _SUFFIXES[family.kind]}
        if names and not wanted & names:
            continue
        metric = Metric(base, family.help, family.kind.value)
        metric.samples = [
            sample
            for labels, value in sorted(family.samples(source), key=itemgetter(0))
            for sample in _samples(family, base, labels, value)
            if not names or sample.name in names
        ]
        if metric.samples:
            yield metric


def _samples(family: Family[Source], base: str, labels: Labels, value: Value) -> Iterator[Sample]:
    named = dict(zip(family.labels, labels, strict=True))
    if not isinstance(value, Bucketed):
        yield Sample(base + _SUFFIXES[family.kind][0], named, value)
        return
    bucket, total, count = (base + suffix for suffix in _SUFFIXES[family.kind])
    edges = [format_edge(edge) for edge in (*family.edges, float("inf"))]
    for edge, cumulative in zip(edges, accumulate(value.counts), strict=True):
        yield Sample(bucket, {**named, "le": edge}, float(cumulative))
    yield Sample(total, named, value.sum)
    yield Sample(count, named, float(sum(value.counts)))
