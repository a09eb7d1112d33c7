"""Prometheus and Alertmanager on the demo's exporter, where they are on PATH, with the shipped rules and webhook."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
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
        if binary := shutil.which("alertmanager"):
            found["Alertmanager"] = stack.enter_context(_start(binary, _alertmanager_flags(folder), folder, told))
        if binary := shutil.which("prometheus"):
            flags = _prometheus_flags(target, folder, found.get("Alertmanager"))
            found["Prometheus"] = stack.enter_context(_start(binary, flags, folder, told))
        yield found


def _alertmanager_flags(folder: DemoFolder) -> list[str]:
    """Its shipped configuration: it wakes the rescuer by the webhook."""
    return [
        f"--config.file={folder.alerts / 'alertmanager.yml'}",
        f"--storage.path={folder.path / 'alertmanager'}",
        "--cluster.listen-address=",  # alone: no port for other Alertmanagers
    ]


def _prometheus_flags(target: Address, folder: DemoFolder, alertmanager: str | None) -> list[str]:
    home = folder.path / "prometheus"
    config = _write_prometheus(home, target, alertmanager, folder)
    return [f"--config.file={config}", f"--storage.tsdb.path={home / 'data'}"]


@contextlib.contextmanager
def _start(binary: str, flags: Sequence[str], folder: DemoFolder, told: Told) -> Iterator[str]:
    """Its URL, once it is ready."""
    address = Address("127.0.0.1", free_port())
    url = f"{address.url}/"
    web = [f"--web.listen-address={address}", f"--web.external-url={url}"]  # the machine's own name may lead nowhere
    with running(Path(binary).name, [binary, *flags, *web], folder.path) as program:
        program.wait_until_ready(f"{url}-/ready", told, READY_SECONDS)
        yield url


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
