"""Every worker process dies and none comes back: the operator is notified, and the page shows the reason.

The whole chain as shipped: the Go client, `serve`, Prometheus with the rules, Alertmanager with the routing, and a
receiver in the place of `team`. Everything is ten times as quick here: worker intervals, tiers, the durations of rules
and routing. With RIVERKEEPER_REAL_TIME=1 nothing is scaled, and the defaults are in force; then the message came
after 187 s.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from alerts.rulebook import ALERTS
from e2e.conftest import MakeRiver
from e2e.programs import free_port, started, tool
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from e2e.scaled import scaled
from e2e.scraper import prometheus_at_work
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES

FACTOR = 1 if os.environ.get("RIVERKEEPER_REAL_TIME") else 10
PATIENCE = 600.0
CONFIG = "rescue: {mode: live}\nlearned_limits: {enabled: false}\nassign: [{tier: standard}]\n"
QUICK = """
rescue: {mode: live, interval: 1s, grace: 0s}
learned_limits: {enabled: false}
assign: [{tier: standard}]
tiers: {standard: {heartbeat_timeout: 4s, drain: 1s, fence: 1s, plain_fence: 6s}}
"""
INTERVAL = "10s" if FACTOR == 1 else "1s"
BEATING = """
SELECT j.id FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = 'steady' AND j.state = 'running'
"""


@pytest.fixture
def river(river_database: MakeRiver) -> River:
    river = river_database()
    riverkeeper(river, "schema", "install")
    return river


def test_somebody_hears_of_a_fleet_that_died(river: River, tmp_path: Path) -> None:
    """RiverJobsSuspected reaches the team's receiver in time; nothing was rescued, and /stuck names what is missing."""
    with receiver() as (address, messages), watched(river, tmp_path, address) as replica:
        with workers(river, tmp_path) as fleet:
            for worker in fleet:
                worker.program.kill()
            died = time.monotonic()
            message = until(lambda: message_of_dead_fleet(messages), "RiverJobsSuspected at the receiver", PATIENCE)
            took = time.monotonic() - died
        page = httpx.get(f"http://{replica.address}/stuck", timeout=20).text
        rescues = river.rows("SELECT count(*) FROM riverkeeper.rescue")

    print(f"a person heard of the dead fleet after {took:.0f} s (factor {FACTOR})")  # noqa: T201 - to be seen with -s
    assert message["labels"] | {"reason": "path_unverified", "kind": "steady"} == message["labels"]
    assert "none of 3 worker processes has beaten" in page
    assert "9 running jobs may be stuck" in page
    assert rescues == [(0,)]


def message_of_dead_fleet(messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The alert in what the receiver was sent, once it is there."""
    alerts = [alert for message in list(messages) for alert in message["alerts"]]
    return next((alert for alert in alerts if alert["labels"]["alertname"] == "RiverJobsSuspected"), None)


@contextlib.contextmanager
def workers(river: River, folder: Path) -> Iterator[list[Fleet]]:
    """Three worker processes with nine jobs at work."""
    flags = ("-queues", "default", "-beat", "table", "-interval", INTERVAL, "-workers", "3")
    with contextlib.ExitStack() as programs:
        fleet = [programs.enter_context(fleet_at_work(river, folder, f"worker{number}", *flags)) for number in range(3)]
        river.insert(9, "-kinds", "steady", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == 9, "nine jobs to run and to beat", PATIENCE)
        yield fleet


@contextlib.contextmanager
def watched(river: River, folder: Path, team: str) -> Iterator[RiverkeeperProcess]:
    """`serve`, a Prometheus that scrapes it and an Alertmanager whose `team` is the receiver."""
    file = folder / "riverkeeper.yml"
    file.write_text(CONFIG if FACTOR == 1 else QUICK)
    with contextlib.ExitStack() as programs:
        replica = programs.enter_context(replica_at_work(river.url, folder, "", "--config.file", str(file)))
        alertmanager = programs.enter_context(alertmanager_as_shipped(folder, team))
        programs.enter_context(
            prometheus_at_work(tool("prometheus"), [replica.address], folder, {"groups": groups()}, alertmanager)
        )
        path = "SELECT path_ok_since IS NOT NULL FROM riverkeeper.control"
        until(lambda: river.rows(path) == [(True,)], "the heartbeat path to be verified", PATIENCE)
        yield replica


def groups() -> list[dict[str, Any]]:
    """The groups of every shipped rule file."""
    found: list[dict[str, Any]] = []
    for name in RULES:
        found += yaml.safe_load(scaled((ALERTS / f"{name}.yml").read_text(), FACTOR))["groups"]
    return found


@contextlib.contextmanager
def alertmanager_as_shipped(folder: Path, team: str) -> Iterator[str]:
    """The shipped routing, in which only the receiver `team` has an integration; its address."""
    config = yaml.safe_load(scaled((ALERTS / "alertmanager.yml").read_text(), FACTOR))
    for one in config["receivers"]:
        one.pop("webhook_configs", None)
        if one["name"] == "team":
            one["webhook_configs"] = [{"url": f"http://{team}/"}]
    home = folder / "alertmanager"
    home.mkdir()
    (home / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={home}/alertmanager.yml", f"--storage.path={home}", f"--web.listen-address={address}"]
    with started("alertmanager", [tool("alertmanager"), *flags, "--cluster.listen-address="], home):
        until(lambda: answers(address), "Alertmanager to be ready")
        yield address


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server in the place of a chat or a pager: its address, and the messages it was sent."""
    messages: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", messages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
