"""What the chart's pods run, run here as a kubelet would: its files, environment and arguments, on a real Postgres.

There is no image and no kubelet: the mounts are folders below the test's own, and every path is written so.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.programs import free_port, started
from fixtures.waiting import until
from kubernetes.test_chart import template
from riverkeeper.postgres.connection import Session

PROGRAM = Path(sys.executable).with_name("riverkeeper")
LOGINS = ("--set", "logins.riverkeeper=keeper,logins.workers=app")


@dataclass(frozen=True, slots=True)
class Pod:
    """One container of a pod: what it runs, and with which environment."""

    arguments: list[str]
    environment: dict[str, str]


def start_pod(kind: str, secret: dict[str, str], folder: Path, port: int = 0) -> Pod:
    """The pod of the chart's Deployment or Job, its mounts laid out in a folder. The port is another, if it listens."""
    documents = template(*LOGINS)
    [spec] = [each["spec"]["template"]["spec"] for key, each in documents.items() if key[0] == kind]
    [container] = spec["containers"]
    files = documents["ConfigMap", "riverkeeper"]["data"]
    for mount in container["volumeMounts"]:
        [volume] = [each for each in spec["volumes"] if each["name"] == mount["name"]]
        target = folder / mount["mountPath"].lstrip("/")
        target.mkdir(parents=True)
        for name, text in mounted(volume, files, secret).items():
            (target / name).write_text(text.replace("/etc/", f"{folder}/etc/").replace(":9816", f"127.0.0.1:{port}"))
    return Pod(
        container["args"], {name: moved(value, folder) for name, value in environment(container, secret).items()}
    )


def mounted(volume: dict[str, Any], files: dict[str, str], secret: dict[str, str]) -> dict[str, str]:
    if "configMap" in volume:
        return files
    sources = (
        [each["secret"] for each in volume["projected"]["sources"]] if "projected" in volume else [volume["secret"]]
    )
    found = {}
    for source in sources:
        for item in source["items"]:
            if item["key"] in secret or not source.get("optional"):
                found[item["path"]] = secret[item["key"]]
    return found


def environment(container: dict[str, Any], secret: dict[str, str]) -> dict[str, str]:
    return {
        each["name"]: each["value"] if "value" in each else secret[each["valueFrom"]["secretKeyRef"]["key"]]
        for each in container["env"]
    }


def moved(value: str, folder: Path) -> str:
    return f"{folder}{value}" if value.startswith("/etc/") else value


@pytest.fixture
def secret(new_database: Callable[[], str]) -> dict[str, str]:
    owner = new_database()
    with Session(owner) as session:
        for login in ("keeper", "app"):
            session.execute(f"DROP ROLE IF EXISTS {login}")  # of the test before, on the same server
            session.execute(f"CREATE ROLE {login} LOGIN")
    return {"owner-url": owner, "database-url": owner.replace("postgres@", "keeper@"), "webhook-token": "t" * 32}


def run_job(secret: dict[str, str], folder: Path) -> str:
    pod = start_pod("Job", secret, folder)
    done = subprocess.run(
        [PROGRAM, *pod.arguments], env=pod.environment, cwd="/", check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_job_prepares_the_database(secret: dict[str, str], tmp_path: Path) -> None:
    """Tables, fence and roles, and the log names each; a second run, after a crash for example, changes nothing."""
    first = run_job(secret, tmp_path / "first")
    assert "missing" not in first
    assert "keeper has the role riverkeeper_rescuer" in first
    assert "app has the role riverkeeper_worker" in first

    assert run_job(secret, tmp_path / "second") == first


def test_the_replica_serves_after_the_job(secret: dict[str, str], tmp_path: Path) -> None:
    """It answers its probes, and `check` in the pod finds its configuration and nothing that is broken."""
    run_job(secret, tmp_path / "job")
    port = free_port()
    pod = start_pod("Deployment", secret, tmp_path / "pod", port)
    with started("riverkeeper", [PROGRAM, *pod.arguments], tmp_path, pod.environment) as replica:
        until(lambda: replica.lives() and answers(f"http://127.0.0.1:{port}/-/ready"), "the readiness probe")
        assert answers(f"http://127.0.0.1:{port}/-/healthy")
        checked = subprocess.run(
            [PROGRAM, "check"], env=pod.environment, check=False, capture_output=True, text=True
        ).stdout
        replica.stop()

    assert "this login may rescue stuck jobs" in checked
    assert "problem " not in checked


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
