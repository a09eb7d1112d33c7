"""Prometheus and Alertmanager on the demo's exporter, where they are on PATH, with the shipped rules and webhook."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from riverkeeper.demo.exporter import READY_SECONDS, Address
from riverkeeper.demo.program import Told, free_port, running
from riverkeeper.demo.settings import DemoFolder, write_alerting

MESSAGES = {"alertmanager.yml", "riverkeeper.tmpl"}  # Alertmanager's own; the other files are rules


@contextlib.contextmanager
def start_monitoring(target: Address, folder: DemoFolder, told: Told) -> Iterator[dict[str, str]]:
    """Name -> URL of those that are on PATH."""
    write_alerting(folder)
    with contextlib.ExitStack() as stack:
        found = {}
        if alertmanager := stack.enter_context(_start_alertmanager(folder, told)):
            found["Alertmanager"] = alertmanager
        if prometheus := stack.enter_context(_start_prometheus(target, folder, alertmanager, told)):
            found["Prometheus"] = prometheus
        yield found


@contextlib.contextmanager
def _start_alertmanager(folder: DemoFolder, told: Told) -> Iterator[str | None]:
    """Its shipped configuration: it wakes the rescuer by the webhook."""
    if (binary := shutil.which("alertmanager")) is None:
        yield None
        return
    url = str(Address("127.0.0.1", free_port()))
    arguments = [
        binary,
        f"--config.file={folder.alerts / 'alertmanager.yml'}",
        f"--storage.path={folder.path / 'alertmanager'}",
        f"--web.listen-address={url}",
        f"--web.external-url=http://{url}/",  # for links: the machine's own name may lead nowhere
        "--cluster.listen-address=",  # alone: no port for other Alertmanagers
    ]
    with running("alertmanager", arguments, folder.path) as program:
        program.wait_until_ready(f"http://{url}/-/ready", told, READY_SECONDS)
        yield f"http://{url}/"


@contextlib.contextmanager
def _start_prometheus(
    target: Address, folder: DemoFolder, alertmanager: str | None, told: Told
) -> Iterator[str | None]:
    if (binary := shutil.which("prometheus")) is None:
        yield None
        return
    home = folder.path / "prometheus"
    config = _write_prometheus(home, target, alertmanager, folder)
    url = str(Address("127.0.0.1", free_port()))
    arguments = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address={url}",
        f"--web.external-url=http://{url}/",
    ]
    with running("prometheus", arguments, folder.path) as program:
        program.wait_until_ready(f"http://{url}/-/ready", told, READY_SECONDS)
        yield f"http://{url}/"


def _write_prometheus(home: Path, target: Address, alertmanager: str | None, folder: DemoFolder) -> Path:
    """The path of its configuration."""
    rules = home / "rules"
    rules.mkdir(parents=True)
    for file in folder.alerts.glob("*.yml"):
        if file.name not in MESSAGES:
            shutil.copy(file, rules)
    config = home / "prometheus.yml"
    config.write_bytes(files("riverkeeper").joinpath("demo/prometheus.yml").read_bytes())
    (home / "targets.json").write_text(json.dumps([{"targets": [target.target]}]))
    alertmanagers = [alertmanager.removeprefix("http://").rstrip("/")] if alertmanager else []
    (home / "alertmanagers.json").write_text(json.dumps([{"targets": alertmanagers}] if alertmanagers else []))
    return config
