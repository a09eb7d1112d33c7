"""The demo's folder: its configuration file, the webhook's token, and the shipped rules for Prometheus."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from riverkeeper.assets.alerting import alerting_files
from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load

RIVER, KEEPER = "public", "riverkeeper"  # schemas
# Alertmanager's example names them. Nothing listens there: a demo sends nothing to the outside.
NOWHERE = "http://127.0.0.1:9/"
RECEIVERS = {"deadmansswitch-url": NOWHERE, "slack-url": NOWHERE, "pagerduty-key": "0" * 32, "smtp-password": "none"}


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where everything of one run lies."""

    path: Path
    config: Config

    @property
    def config_file(self) -> Path:
        return self.path / "riverkeeper.yml"

    @property
    def alerts(self) -> Path:
        return self.path / "alerts"


def write_folder(path: Path, database_url: str, keeper_url: str) -> DemoFolder:
    """The files of a run on this database, whose exporter is at this address."""
    token = path / "riverkeeper-token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_urlsafe(32))
    added = {
        "database": {"url": database_url, "river_schema": RIVER, "keeper_schema": KEEPER},
        "webhook": {"token_file": str(token)},
        "assets": {
            "keeper_url": keeper_url,
            "webhook_url": f"{keeper_url}/webhook/alertmanager",
            "webhook_token_file": str(token),
        },
    }
    shipped = files("riverkeeper").joinpath("demo/riverkeeper.yml").read_text(encoding="utf-8")
    file = path / "riverkeeper.yml"
    file.write_text(f"{shipped}\n{yaml.safe_dump(added, sort_keys=False)}", encoding="utf-8")
    return DemoFolder(path, load(file, {}, Options()))


def write_alerting(folder: DemoFolder) -> None:
    """The shipped rules and Alertmanager's shipped configuration, with receivers that lead nowhere."""
    for name, text in alerting_files(folder.config.assets).items():
        file = folder.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for name, text in RECEIVERS.items():
        (folder.path / name).write_text(text)
