"""alertmanager.yml in a real Alertmanager: which alert goes where, and which keeps quiet when."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.rulebook import ALERTS
from e2e.programs import free_port, started, tool
from fixtures.waiting import until

CONFIG = ALERTS / "alertmanager.yml"

ROUTES = [
    ("RiverWatchdog severity=none", "rescuer"),
    ("RiverWorkerLost severity=warning rescue=allow tier=standard", "rescuer,team"),
    ("RiverWorkerLost severity=info rescue=allow tier=bulk", "rescuer,quiet"),
    ("RiverJobHung severity=warning rescue=allow tier=urgent", "rescuer,team"),
    ("RiverJobOverBudget severity=warning tier=urgent", "team"),
    ("RiverJobOverBudget severity=info tier=bulk", "quiet"),
    ("RiverWaitOverLimit severity=critical tier=urgent", "pager"),
    ("RiverWaitOverLimit severity=warning tier=standard", "team"),
    ("RiverExporterDown severity=critical", "pager"),
    ("RiverStuckNotRescued severity=critical tier=standard", "pager"),
    ("RiverLateFinishers severity=critical", "pager"),
    ("RiverDryRunWhileStuck severity=info tier=standard", "quiet"),
    ("RiverKindFailing severity=warning", "team"),
]

# source, target, whether the source silences the target
INHIBITIONS = [
    ("RiverExporterDown", "RiverWebhookNotHeard", True),
    ("RiverExporterDown", "RiverWorkerLost", True),
    ("RiverExporterDown", "RiverWatchdog", False),
    ("RiverDatabaseUnreadable", "RiverWaitOverLimit queue=default", True),
    ("RiverDatabaseUnreadable", "RiverExporterDown", False),
    ("RiverDatabaseUnreadable", "RiverWaitOverLimit queue=default job=mail", False),
    ("RiverLeaderMissing", "RiverSchedulerStalled queue=default", True),
    ("RiverLeaderMissing", "RiverQueueFrozen queue=default", False),
    ("RiverQueueFrozen queue=default", "RiverWaitOverLimit queue=default tier=urgent", True),
    ("RiverQueueFrozen queue=default", "RiverWaitOverLimit queue=payments tier=urgent", False),
    ("RiverQueuePausedWithBacklog queue=default", "RiverKindNobodyWorks queue=default kind=mail", True),
    ("RiverWorkerLost queue=default kind=mail", "RiverJobOverBudget queue=default kind=mail", True),
    ("RiverWorkerLost queue=default kind=mail", "RiverJobOverBudget queue=default kind=report", False),
    ("RiverJobOverBudget queue=default kind=mail", "RiverWorkerLost queue=default kind=mail", False),
    ("RiverBrakeHeld brake=rate", "RiverStuckNotRescued queue=default kind=mail", True),
    ("RiverStuckNotRescued queue=default kind=mail", "RiverWorkerLost queue=default kind=mail", False),
    ("RiverJobsDiscarded queue=default kind=mail", "RiverDiscardsComing queue=default kind=mail", True),
]


def test_alertmanager_accepts_the_file() -> None:
    """amtool's own check."""
    done = amtool("check-config", CONFIG)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("alert", "receivers"), ROUTES, ids=[alert for alert, _ in ROUTES])
def test_who_is_notified(alert: str, receivers: str) -> None:
    """Exactly these receivers, in this order."""
    name, *labels = alert.split()
    told = amtool(
        "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}",
        f"alertname={name}", "job=orders", *labels,
    )  # fmt: skip

    assert told.returncode == 0, told.stdout + told.stderr


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager with the shipped configuration."""
    folder = tmp_path_factory.mktemp("alertmanager")
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={CONFIG}", f"--storage.path={folder}", f"--web.listen-address={address}"]
    with started("alertmanager", [tool("alertmanager"), *flags, "--cluster.listen-address="], folder):
        until(lambda: answers(address), "Alertmanager to be ready")
        yield address


@pytest.mark.parametrize(
    ("source", "target", "silenced"), INHIBITIONS, ids=[f"{source} -> {target}" for source, target, _ in INHIBITIONS]
)
def test_what_keeps_quiet(alertmanager: str, source: str, target: str, silenced: bool) -> None:
    """An alert is inhibited by the one that explains it, of the same River, queue and kind, and by no other."""
    river = f"{source} -> {target}".replace(" ", "_")  # a River of its own for each case
    send(alertmanager, labels_of(source, river), labels_of(target, river))

    told = until(lambda: standing(alertmanager, labels_of(target, river)), "the alert to be known")

    assert bool(told["inhibitedBy"]) is silenced


def labels_of(alert: str, river: str) -> dict[str, str]:
    name, *rest = alert.split()
    return {"alertname": name, "job": river} | {
        label: f"{value}-{river}" if label == "job" else value for label, value in (part.split("=") for part in rest)
    }


def send(address: str, *alerts: dict[str, str]) -> None:
    body = [{"labels": labels} for labels in alerts]
    httpx.post(f"http://{address}/api/v2/alerts", json=body).raise_for_status()


def standing(address: str, labels: dict[str, str]) -> dict[str, Any] | None:
    """Alertmanager's view of one alert; None while it has not heard of it."""
    listed = httpx.get(f"http://{address}/api/v2/alerts").raise_for_status().json()
    return next((alert["status"] for alert in listed if alert["labels"] == labels), None)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("amtool"), *map(str, arguments)], check=False, capture_output=True, text=True)
