"""How the page is written: formats, filters, buckets, escapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fixtures.sample import DOWN, FULL, IDLE, NOW, RUNNING
from riverkeeper.ledger.names import Names
from riverkeeper.metrics.catalogue import OF_SNAPSHOT
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition, metrics_of
from riverkeeper.metrics.family import MetricType
from riverkeeper.scrape.scrape import Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = (  # 2.42 and its like
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
Parser = Callable[[str], Iterable[Metric]]
FORMATS: dict[str, Parser] = {"": parse_text, OPENMETRICS: parse_openmetrics}


def page(snapshot: Snapshot, accept: str = "", *names: str) -> str:
    return Exposition().page(snapshot, Process(), accept, frozenset(names))[0].decode()


def samples(text: str, parse: Parser) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels; one that is there twice fails."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in parse(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, key
            found[key] = sample.value
    return found


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, OPENMETRICS),
        (PROMETHEUS, OPENMETRICS),
    ],
)
def test_the_format_is_the_requested_one(accept: str, content_type: str) -> None:
    """Browsers and old scrapers get text, Prometheus what it prefers."""
    _, given_type = Exposition().page(FULL, Process(), accept, frozenset())

    assert content_type in given_type


@pytest.mark.parametrize("snapshot", [FULL, IDLE, DOWN], ids=["full", "idle", "down"])
def test_both_formats_hold_the_same(snapshot: Snapshot) -> None:
    """Every sample of ours survives a round trip through either parser, with the same value."""
    text, openmetrics = (
        {key: value for key, value in samples(page(snapshot, accept), parse).items() if key[0].startswith("river")}
        for accept, parse in FORMATS.items()
    )

    assert text == openmetrics
    assert text


def test_openmetrics_types() -> None:
    """Gauge histograms are called so, counters are named without _total, and there are no _created series."""
    types = {family.name: family.type for family in FORMATS[OPENMETRICS](page(FULL, OPENMETRICS))}

    for family in OF_SNAPSHOT:
        name = family.name.removesuffix("_total") if family.kind is MetricType.COUNTER else family.name
        assert types[name] == family.kind.value, name
    assert "_created" not in page(FULL, OPENMETRICS)


def test_a_family_is_described_once() -> None:
    """Prometheus refuses a page with a second HELP or TYPE of a name."""
    described = re.findall(r"^# (?:HELP|TYPE) \S+", page(FULL), re.MULTILINE)

    assert len(described) == len(set(described))


@pytest.mark.parametrize("accept", FORMATS)
def test_le_is_written_as_prometheus_writes_it(accept: str) -> None:
    """60.0, not 60: newer versions of Prometheus would rename the series."""
    edges = re.findall(r'[{,]le="([^"]*)"', page(FULL, accept))

    assert {"0.01", "0.1", "1.0", "60.0", "43200.0", "86400.0", "+Inf"} <= set(edges)
    assert all(edge == "+Inf" or edge == str(float(edge)) for edge in edges)


@pytest.mark.parametrize(
    "family", [f for f in OF_SNAPSHOT if f.kind in {MetricType.AGES, MetricType.HISTOGRAM}], ids=lambda f: f.name
)
def test_buckets_are_cumulative(family: object) -> None:
    """Each bucket holds those below it, the last is the count, and edges rise."""
    (metric,) = metrics_of([family], FULL, frozenset())  # type: ignore[list-item]
    buckets = [(float(s.labels["le"]), s.value) for s in metric.samples if s.name.endswith("_bucket")]
    (count,) = [s.value for s in metric.samples if s.name.endswith("count")]

    assert buckets == sorted(buckets)
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    assert buckets[-1] == (float("inf"), count)


def test_counters_and_counts_of_gauge_histograms_are_distinct() -> None:
    """What may fall has _gcount and _gsum, so that nobody takes a rate() of it by habit; the rest _count and _sum."""
    suffixes = {
        family.kind: {re.sub(r".*_", "_", sample.name) for sample in metric.samples}
        for family in OF_SNAPSHOT
        for metric in metrics_of([family], FULL, frozenset())
    }

    assert suffixes[MetricType.AGES] == {"_bucket", "_gcount", "_gsum"}
    assert suffixes[MetricType.HISTOGRAM] == {"_bucket", "_count", "_sum"}
    assert suffixes[MetricType.COUNTER] == {"_total"}


@pytest.mark.parametrize(
    "name",
    ["river_jobs", "river_jobs_finished_total", "river_job_run_duration_seconds_bucket",
     "river_job_running_age_seconds_gcount", "process_open_fds", "riverkeeper_series"],
)  # fmt: skip
def test_one_name_can_be_requested(name: str) -> None:
    """name[] is the name of a sample, as with every Prometheus client library: that one, whole, and nothing else."""
    whole, part = (samples(page(FULL, "", *names), parse_text) for names in ((), (name,)))

    assert {key[0] for key in part} == {name}
    assert part.keys() == {key for key in whole if key[0] == name}


def test_several_names_and_unknown_ones() -> None:
    """Names add up; one that nobody exports is no error."""
    part = samples(page(FULL, "", "river_up", "river_jobs", "no_such"), parse_text)

    assert {key[0] for key in part} == {"river_up", "river_jobs"}
    assert page(FULL, "", "no_such") == ""


def test_the_page_counts_itself() -> None:
    """riverkeeper_series is what a scrape costs Prometheus, without the process' own few."""
    found = samples(page(FULL), parse_text)
    ours = [key for key in found if key[0].startswith("river")]

    assert found["riverkeeper_series", frozenset()] == len(ours)


def test_the_same_snapshot_makes_the_same_page() -> None:
    """Series stay in order, by their labels: pages can be compared, and compress well."""
    pairs = {(f"q{number % 7}", f"k{number}"): NOW for number in range(40)}
    many = replace(FULL, names=Names({queue: NOW for queue, _ in pairs}, pairs))
    reverse = Names(*({name: names[name] for name in [*names][::-1]} for names in (many.names.queues, pairs)))
    backwards = replace(many, names=reverse)
    ours = [page(snapshot).partition("# HELP process_")[0] for snapshot in (many, backwards)]

    assert ours[0] == ours[1]


@given(queue=st.text(min_size=1), kind=st.text(min_size=1))
def test_any_name_survives(queue: str, kind: str) -> None:
    """Whatever characters a name has, the parser gives it back, and it disturbs no other series."""
    pair = replace(RUNNING.pairs[0], queue=queue, kind=kind)
    named = replace(FULL, running=replace(RUNNING, pairs=(pair,)), names=Names({queue: NOW}, {(queue, kind): NOW}))
    labels = frozenset({("queue", queue), ("kind", kind)})
    for accept, parse in FORMATS.items():
        text = page(named, accept, "river_jobs_beating", "river_jobs_cancel_pending")
        found = samples(text, parse)

        assert found == {("river_jobs_beating", labels): 2.0, ("river_jobs_cancel_pending", labels): 1.0}
