"""The exporter as its users run it: `riverkeeper serve`, a process of its own, queried over HTTP."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from e2e.programs import Program, free_port, started
from e2e.river import River
from fixtures.waiting import until

Labels = tuple[str, ...]

PROGRAM = Path(sys.executable).with_name("riverkeeper")


@dataclass(frozen=True, slots=True)
class Page:
    """One scrape: the text, and each sample by its name and labels."""

    text: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def values(self, sample: str, *labels: str) -> dict[Labels, float]:
        """Values of all samples of a name by the values of their labels, which must be exactly these."""
        found = [(dict(pairs), value) for (name, pairs), value in self.samples.items() if name == sample]
        strange = [pairs for pairs, _ in found if pairs.keys() != set(labels)]
        assert not strange, f"{sample} has other labels than {labels}: {strange[0]}"
        return {tuple(pairs[label] for label in labels): value for pairs, value in found}

    def value(self, sample: str, **labels: str) -> float | None:
        """The value of one sample; None where it is absent."""
        return self.samples.get((sample, frozenset(labels.items())))


@dataclass(frozen=True, slots=True)
class RiverkeeperProcess:
    """A running exporter."""

    program: Program
    address: str

    def scrape(self) -> Page:
        """What a scrape shows now; a page that is not text format, or has a sample twice, fails the test."""
        answer = httpx.get(f"http://{self.address}/metrics", timeout=20)
        assert answer.status_code == 200, answer.text
        return parse(answer.text)

    def ready(self) -> bool:
        self.program.lives()
        try:
            return httpx.get(f"http://{self.address}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def parse(text: str) -> Page:
    """The samples of a page in the text format."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"twice on one page: {sample}"
            samples[key] = sample.value
    return Page(text, samples)


def riverkeeper(river: River, *command: str) -> str:
    """What a command prints; one that fails fails the test."""
    done = subprocess.run(
        [PROGRAM, *command, *where(river.url, river.schema)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def where(url: str, schema: str) -> list[str]:
    return ["--database-url", url, *(["--river-schema", schema] if schema else [])]


def anew(folder: Path) -> tuple[str, str]:
    """Flags of a configuration by which every scrape reads the database anew, for tests that look at one moment."""
    file = folder / "riverkeeper.yml"
    file.write_text("collect: {min_interval: 0s}\n")
    return "--config.file", str(file)


@contextlib.contextmanager
def replica_at_work(url: str, folder: Path, schema: str = "", *flags: str) -> Iterator[RiverkeeperProcess]:
    """`riverkeeper serve` of this virtual environment, ready; killed at the end if the test has not stopped it."""
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [PROGRAM, "serve", *where(url, schema), "--web.listen-address", address, *flags]
    with started("keeper", command, folder) as program:
        replica = RiverkeeperProcess(program, address)
        until(replica.ready, f"/-/ready of the keeper, whose log is {program.output}")
        yield replica
