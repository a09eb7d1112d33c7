"""What `check` finds out about the pods of the workers, with the real client library against a small API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.test_proof import KILLED, pod
from fixtures.pods_api import PodsApi, serve_pods, write_kubeconfig
from riverkeeper.config.settings import KubernetesSettings
from riverkeeper.doctor import pods
from riverkeeper.doctor.report import CheckFinding, Level


@pytest.fixture
def api() -> Iterator[PodsApi]:
    with serve_pods() as served:
        yield served


def examine(address: str, folder: Path, **more: object) -> list[CheckFinding]:
    file = write_kubeconfig(folder / "kubeconfig", address)
    tree = {"enabled": True, "kubeconfig": str(file), **more}
    return list(pods.findings(KubernetesSettings.from_tree(tree)))


def test_there_is_no_finding_where_pods_are_not_watched() -> None:
    """The default."""
    assert list(pods.findings(KubernetesSettings())) == []


def test_pods_that_can_be_listed_are_fine(api: PodsApi, tmp_path: Path) -> None:
    """Each namespace has its line; without one it is that of the credentials."""
    api.put(pod(KILLED))
    [own] = examine(api.address, tmp_path)
    named = examine(api.address, tmp_path, namespaces=["jobs", "batch"])

    assert (own.level, own.topic) == (Level.OK, "kubernetes")
    assert "namespace jobs" in own.message
    assert ["batch" in each.message for each in named] == [False, True]


def test_a_selector_that_finds_no_pod_is_a_warning(api: PodsApi, tmp_path: Path) -> None:
    """A name that is misspelt would never prove anything."""
    [found] = examine(api.address, tmp_path, label_selector="app=wrker")

    assert found.level is Level.WARNING
    assert "no pod with the labels app=wrker" in found.message


def test_a_missing_right_is_a_problem_with_its_fix(api: PodsApi, tmp_path: Path) -> None:
    """Without the token in any text."""
    api.status = 403
    [found] = examine(api.address, tmp_path)

    assert found.level is Level.PROBLEM
    assert "answers 403" in found.message
    assert found.fix == pods.RIGHTS
    assert "secret-token" not in f"{found}"


def test_an_api_that_cannot_be_reached_is_a_problem(tmp_path: Path) -> None:
    """So is a kubeconfig that cannot be read, and a client that is not installed."""
    [found] = examine("http://127.0.0.1:1", tmp_path)
    assert (found.level, found.fix) == (Level.PROBLEM, pods.ADDRESS)
    [unread] = pods.findings(KubernetesSettings(enabled=True, kubeconfig=tmp_path / "none"))
    assert "ConfigError" in unread.message


def test_a_client_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "lightkube.config.client_adapter", None)
    [found] = examine("http://127.0.0.1:1", tmp_path)

    assert found.fix == "pip install 'riverkeeper[kubernetes]'"
