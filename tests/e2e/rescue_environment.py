"""Prometheus and Alertmanager with the files that are shipped, around replicas and workers that are real, and beat."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.programs import free_port, started, tool
from e2e.river import River
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES

ALERTS = Path(__file__).parents[2] / "alerts"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    address: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query: `metric` and `value`."""
        answer = httpx.get(f"http://{self.address}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self, alert: str) -> bool:
        return bool(self.query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}'))


@contextlib.contextmanager
def alertmanager_at_work(folder: Path, replica: str, token: Path, alerts: Path = ALERTS) -> Iterator[str]:
    """Alertmanager with the shipped routing, our webhook and token, and receivers of people that send nothing."""
    shipped = yaml.safe_load((alerts / "alertmanager.yml").read_text(encoding="utf-8"))
    (rescuer,) = [receiver for receiver in shipped["receivers"] if receiver["name"] == "rescuer"]
    (webhook,) = rescuer["webhook_configs"]
    webhook["url"] = f"http://{replica}/webhook/alertmanager"
    webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    people = [receiver["name"] for receiver in shipped["receivers"] if receiver is not rescuer]
    shipped["receivers"] = [rescuer, *({"name": name} for name in people)]
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(shipped))
    address = f"127.0.0.1:{free_port()}"
    where = [f"--config.file={config}", f"--storage.path={folder}/am", f"--web.listen-address={address}"]
    with started("alertmanager", [tool("alertmanager"), *where, "--cluster.listen-address="], folder):
        until(lambda: ready(address), "Alertmanager to be ready")
        yield address


@contextlib.contextmanager
def prometheus_at_work(
    folder: Path,
    replicas: Sequence[str],
    alertmanager: str,
    alerts: Path = ALERTS,
    *flags: str,
    scrape: str = "1s",
    job: str = "riverkeeper",
) -> Iterator[Prometheus]:
    """Prometheus with the shipped rules, scraping and judging each second; as shipped it would be every 15.

    It scrapes what the file `targets.json` in the folder names, also when that changes.
    """
    targets = folder / "targets.json"
    write_targets(targets, replicas)
    config = {
        "global": {"scrape_interval": scrape, "evaluation_interval": "1s"},
        "rule_files": [str(alerts / f"{name}.yml") for name in RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": job, "file_sd_configs": [{"files": [str(targets)]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    where = [f"--config.file={file}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    with started("prometheus", [tool("prometheus"), *where, *flags], folder):
        until(lambda: ready(address), "Prometheus to be ready")
        server = Prometheus(address)
        until(lambda: len(server.query("river_up == 1")) == len(replicas), "every keeper to be scraped")
        yield server


def write_targets(file: Path, replicas: Sequence[str]) -> None:
    """In one step, for Prometheus reads the file whenever it changes."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps([{"targets": list(replicas)}]))
    new.replace(file)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def let_beat(river: River, client: str) -> None:
    """A worker beats from its start, also when it has no job."""
    until(lambda: river.rows("SELECT 1 FROM client WHERE client_id = %(client)s", client=client), f"{client} to beat")
