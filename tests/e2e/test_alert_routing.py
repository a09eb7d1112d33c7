"""alertmanager.yml in a real Alertmanager: which alert goes where, and which keeps quiet when."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from alerts.rulebook import ALERTS, ROOT
from e2e.programs import free_port, started, tool
from e2e.rescue_environment import ready
from fixtures.waiting import until

CONFIG = ALERTS / "alertmanager.yml"

ROUTES = [
    ("RiverWatchdog severity=none", "rescuer,deadmansswitch"),
    ("RiverRescueWake severity=none rescue=allow tier=urgent", "rescuer"),
    ("RiverNotWatched severity=critical cause=exporter_down", "pages"),
    ("RiverJobsStuck severity=critical tier=urgent", "pages"),
    ("RiverJobsStuck severity=warning tier=standard", "tickets"),
    ("RiverJobsStuck severity=info tier=bulk", "info"),
    ("RiverWaitBudgetBurning severity=critical tier=urgent burn=fast", "pages"),
    ("RiverKindFailing severity=warning", "tickets"),
    ("RiverSomething severity=none", "nobody"),
    ("RiverSomething severity=dreadful", "tickets"),
]

# source, target, whether the source mutes the target
INHIBITIONS = [
    ("RiverNotWatched cause=exporter_down", "RiverkeeperWebhookNotReached", True),
    ("RiverNotWatched cause=exporter_down", "RiverRescueWake queue=default", True),
    ("RiverNotWatched cause=exporter_down", "RiverWatchdog", False),
    ("RiverNotWatched cause=never_scraped", "RiverNotWatched cause=exporter_down", False),
    ("RiverNotWatched cause=database_unreadable", "RiverNoWorkers", True),
    ("RiverNotWatched cause=database_unreadable", "RiverNoWorkers job=mail", False),
    ("RiverNoWorkers", "RiverQueueNotMoving queue=default", True),
    ("RiverNoWorkers", "RiverWaitBudgetBurning queue=default tier=urgent", True),
    ("RiverNoWorkers", "RiverSchedulingStopped cause=no_leader", True),
    ("RiverNoWorkers", "RiverJobsStuck queue=default kind=mail", True),
    ("RiverNoWorkers", "RiverJobsStuck queue=default kind=mail job=mail", False),
    ("RiverNoWorkers", "RiverLossBudgetBurning tier=urgent", False),
    ("RiverNoWorkers", "RiverRescueWake queue=default", False),
    ("RiverNoWorkers", "RiverRescuesPaused brake=mass_silence", True),
    ("RiverNoWorkers", "RiverRescuesPaused brake=kill_switch", False),
    ("RiverSchedulingStopped cause=no_leader", "RiverKindOverdue queue=default kind=mail", True),
    ("RiverSchedulingStopped cause=no_leader", "RiverQueueNotMoving queue=default", False),
    ("RiverQueueNotMoving queue=default", "RiverWaitBudgetBurning queue=default tier=urgent", True),
    ("RiverQueueNotMoving queue=default", "RiverWaitBudgetBurning queue=payments tier=urgent", False),
    ("RiverQueueNotMoving queue=default", "RiverJobsStuck queue=default kind=mail", False),
    ("RiverWorkersOutOfMemory queue=default", "RiverWorkersLostOften queue=default", True),
    ("RiverWorkersOutOfMemory queue=default", "RiverWorkersLostOften queue=payments", False),
    ("RiverQueuePaused queue=default", "RiverWaitBudgetBurning queue=default tier=urgent", False),
    ("RiverRescuesPaused brake=rate", "RiverJobsStuck queue=default kind=mail", False),
    ("RiverJobsStuck queue=default kind=mail", "RiverRescueWake queue=default kind=mail", False),
    (
        "RiverWaitBudgetBurning burn=fast tier=urgent queue=a",
        "RiverWaitBudgetBurning burn=slow tier=urgent queue=a",
        True,
    ),
    (
        "RiverWaitBudgetBurning burn=fast tier=urgent queue=a",
        "RiverWaitBudgetBurning burn=slow tier=bulk queue=a",
        False,
    ),
    (
        "RiverWaitBudgetBurning burn=slow tier=urgent queue=a",
        "RiverWaitBudgetBurning burn=fast tier=urgent queue=a",
        False,
    ),
]


def test_alertmanager_accepts_the_file() -> None:
    """amtool's own check."""
    done = amtool("check-config", CONFIG)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_has_the_same_routes(tmp_path: Path) -> None:
    """The compose demo empties the receivers of people, and changes nothing else."""
    script = (ROOT / "deploy" / "compose" / "files.sh").read_text().partition("chmod")[0]
    here = script.replace("/clone/", f"{ROOT}/").replace("/files", str(tmp_path))
    subprocess.run(["sh", "-c", here], check=True)
    copied, shipped = (yaml.safe_load(path.read_text()) for path in (tmp_path / "alertmanager.yml", CONFIG))

    assert amtool("check-config", tmp_path / "alertmanager.yml").returncode == 0
    for board in (tmp_path / "json").glob("*.json"):
        assert ".invalid" not in board.read_text(), "the demo's boards link to the demo's Riverkeeper"
    assert copied == shipped | {"receivers": copied["receivers"]}
    assert {len(receiver) for receiver in copied["receivers"] if receiver["name"] != "rescuer"} == {1}


@pytest.mark.parametrize(("alert", "receivers"), ROUTES, ids=[alert for alert, _ in ROUTES])
def test_who_is_notified(alert: str, receivers: str) -> None:
    """Exactly these receivers, in this order."""
    name, *labels = alert.split()
    tested = amtool(
        "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}",
        f"alertname={name}", "job=orders", *labels,
    )  # fmt: skip

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager with the shipped configuration."""
    folder = tmp_path_factory.mktemp("alertmanager")
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={CONFIG}", f"--storage.path={folder}", f"--web.listen-address={address}"]
    with started("alertmanager", [tool("alertmanager"), *flags, "--cluster.listen-address="], folder):
        until(lambda: ready(address), "Alertmanager to be ready")
        yield address


@pytest.mark.parametrize(
    ("source", "target", "silenced"), INHIBITIONS, ids=[f"{source} -> {target}" for source, target, _ in INHIBITIONS]
)
def test_what_keeps_quiet(alertmanager: str, source: str, target: str, silenced: bool) -> None:
    """An alert is inhibited by the one that explains it, of the same River, queue and kind, and by no other."""
    river = f"{source} -> {target}".replace(" ", "_")  # a River of its own for each case
    send(alertmanager, labels_of(source, river), labels_of(target, river))

    alert = until(lambda: standing(alertmanager, labels_of(target, river)), "the alert to be known")

    assert bool(alert["inhibitedBy"]) is silenced


def labels_of(alert: str, river: str) -> dict[str, str]:
    name, *rest = alert.split()
    return {"alertname": name, "job": river} | {
        label: f"{value}-{river}" if label == "job" else value for label, value in (part.split("=") for part in rest)
    }


def send(address: str, *alerts: dict[str, str]) -> None:
    body = [{"labels": labels} for labels in alerts]
    httpx.post(f"http://{address}/api/v2/alerts", json=body).raise_for_status()


def standing(address: str, labels: dict[str, str]) -> dict[str, Any] | None:
    """Alertmanager's view of one alert; None while it has not received it."""
    listed = httpx.get(f"http://{address}/api/v2/alerts").raise_for_status().json()
    return next((alert["status"] for alert in listed if alert["labels"] == labels), None)


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("amtool"), *map(str, arguments)], check=False, capture_output=True, text=True)
