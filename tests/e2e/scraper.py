"""A real Prometheus that scrapes the exporter, and what it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.programs import Program, free_port, started
from fixtures.waiting import until

SCRAPE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Scraper:
    """A running Prometheus."""

    program: Program
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer; a query that the server refuses, or warns of, fails the test."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", f"{parameters}: {answer['error']}"
        assert not answer.get("warnings"), f"{parameters}: {answer['warnings']}"
        return answer["data"]

    def query(self, expression: str) -> list[float]:
        """The values of now."""
        return [float(sample["value"][1]) for sample in self.get("query", query=expression)["result"]]


@contextlib.contextmanager
def prometheus_at_work(
    binary: Path,
    targets: Sequence[str],
    folder: Path,
    rules: dict[str, Any] | None = None,
    alertmanager: str | None = None,
) -> Iterator[Scraper]:
    """A server that scrapes its targets, as one job, every two seconds; stopped at the end.

    `alertmanager`: the address to which it sends alerts.
    """
    address = f"127.0.0.1:{free_port()}"
    scrape = {"job_name": "riverkeeper", "static_configs": [{"targets": list(targets)}]}
    every = f"{SCRAPE_SECONDS}s"
    config: dict[str, Any] = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "scrape_configs": [scrape],
    }
    if rules is not None:
        (folder / "rules.yml").write_text(yaml.safe_dump(rules))
        config["rule_files"] = [str(folder / "rules.yml")]
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    where = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    where += [f"--web.listen-address={address}", "--log.level=debug", "--log.format=json"]
    with started("prometheus", [binary, *where], folder) as program:
        scraper = Scraper(program, address)
        until(scraper.ready, "Prometheus to be ready")
        yield scraper
