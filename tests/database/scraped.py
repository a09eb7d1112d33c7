"""A reading and the page it makes, as tests of the database ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.postgres.connection import Database
from riverkeeper.scrape.reader import Reader, Settings
from riverkeeper.scrape.scrape import Snapshot

Labels = frozenset[tuple[str, str]]
SECONDS = 10.0  # for one reading; a busy machine, not a slow query
SETTINGS = Settings(river_schema=None, keeper_schema=None, late_window=3600.0, max_pairs=1000)


@contextlib.contextmanager
def reader(url: str, settings: Settings = SETTINGS) -> Iterator[Reader]:
    """A reader of the database at `url`, closed at the end."""
    made = Reader(Database(url), settings)
    try:
        yield made
    finally:
        made.close()


def read(url: str, settings: Settings = SETTINGS, seconds: float = SECONDS) -> Snapshot:
    """One snapshot by a reader of its own."""
    with reader(url, settings) as one:
        return one.read(seconds)


@dataclass(frozen=True)
class Page:
    """A metrics page: its text, and every sample by name and labels."""

    text: str
    samples: Mapping[str, Mapping[Labels, float]]

    def of(self, name: str, **labels: str) -> dict[Labels, float]:
        """Samples of one name, with these labels among theirs."""
        wanted = set(labels.items())
        return {key: value for key, value in self.samples.get(name, {}).items() if wanted <= key}

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample of exactly these labels; None where it is absent."""
        return self.samples.get(name, {}).get(frozenset(labels.items()))


def page_of(snapshot: Snapshot) -> Page:
    """The text page of a snapshot, read back; a series that is there twice fails."""
    body, _ = Exposition().page(snapshot, Process(), "", frozenset())
    text = body.decode()
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = samples.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in series, f"{sample.name}{sample.labels} is on the page twice"
            series[labels] = sample.value
    return Page(text, samples)


def errors(snapshot: Snapshot) -> dict[str, str]:
    """Question -> what went wrong with it."""
    return {query.name: query.error for query in snapshot.queries if query.error}
