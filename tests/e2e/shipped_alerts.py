"""The shipped rules and routing in a real Prometheus and a real Alertmanager, as quick as a test needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from alerts.rulebook import ALERTS
from e2e.programs import free_port, started, tool
from e2e.rescue_environment import ready
from e2e.scaled import scaled
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES


def shipped_rules(factor: int) -> list[dict[str, Any]]:
    """The groups of every shipped rule file, `factor` times as quick."""
    found: list[dict[str, Any]] = []
    for name in RULES:
        found += yaml.safe_load(scaled((ALERTS / f"{name}.yml").read_text(), factor))["groups"]
    return found


@contextlib.contextmanager
def alertmanager_as_shipped(folder: Path, receivers: str, factor: int) -> Iterator[str]:
    """The shipped routing, with our server in the place of every integration; its address."""
    config = yaml.safe_load(scaled((ALERTS / "alertmanager.yml").read_text(), factor))
    names = [receiver["name"] for receiver in config["receivers"]]
    config["receivers"] = [{"name": name, "webhook_configs": [{"url": f"http://{receivers}/{name}"}]} for name in names]
    home = folder / "alertmanager"
    home.mkdir()
    (home / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={home}/alertmanager.yml", f"--storage.path={home}", f"--web.listen-address={address}"]
    with started("alertmanager", [tool("alertmanager"), *flags, "--cluster.listen-address="], home):
        until(lambda: ready(address), "Alertmanager to be ready")
        yield address


def find_alert(alertmanager: str, name: str) -> dict[str, Any] | None:
    """An alert as Alertmanager reports it, once it is there."""
    query = {"filter": f'alertname="{name}"'}
    listed = httpx.get(f"http://{alertmanager}/api/v2/alerts", params=query).raise_for_status().json()
    return next(iter(listed), None)
