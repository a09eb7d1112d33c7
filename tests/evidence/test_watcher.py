"""The watcher, with its real client library, against a small API that lists, watches, forgets and cuts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.test_proof import HOLDER, KILLED, NAME, RESTARTED, T, pod, running, status
from fixtures.pods_api import PodsApi, serve_pods, write_kubeconfig
from fixtures.waiting import until
from riverkeeper.config.settings import KubernetesSettings
from riverkeeper.evidence import watcher
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.proof import NoEvidence, Terminated
from riverkeeper.evidence.watcher import EXTRA, PodWatchers

RUNNING = status(running(T))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[PodsApi]:
    """A watcher that tries again at once."""
    monkeypatch.setattr(watcher, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(watcher, "PAGE", 2)
    with serve_pods() as served:
        yield served


@pytest.fixture
def pods(api: PodsApi, tmp_path: Path) -> Iterator[PodWatchers]:
    """The watchers, not started."""
    file = write_kubeconfig(tmp_path / "kubeconfig", api.address)
    watchers = PodWatchers(KubernetesSettings(enabled=True, kubeconfig=file, label_selector="app=worker"))
    watchers.evidence.compare_database_clock(0.0)
    yield watchers
    watchers.stop()


def is_dead(evidence: PodEvidence) -> bool:
    return isinstance(evidence.find(HOLDER, T + 65), Terminated)


def test_what_is_listed_and_what_changes_is_seen(api: PodsApi, pods: PodWatchers) -> None:
    """More pods than a page holds; then a container ends, and its pod goes."""
    for number in range(5):
        api.put(pod(RUNNING, uid=f"other{number}", name=f"api-5d-x2k4{number}"))
    api.put(pod(RUNNING))
    pods.start()
    evidence = pods.evidence
    until(lambda: evidence.state().up and evidence.state().pods == 6, "the pods are watched")
    assert isinstance(evidence.find(HOLDER, T + 65), NoEvidence)

    api.put(pod(KILLED))
    until(lambda: is_dead(evidence), "the end is seen")
    assert evidence.is_open
    api.delete("u1")
    until(lambda: evidence.state().pods == 5, "the pods are counted")
    assert is_dead(evidence)
    assert all("labelSelector=app%3Dworker" in path and "/namespaces/jobs/pods?" in path for path in api.paths)


def test_a_watch_that_is_cut_goes_on_where_it_was(api: PodsApi, pods: PodWatchers) -> None:
    """From the version of the last event or bookmark, so that nothing is missed and nothing is listed again."""
    pods.start()
    until(lambda: api.watches == 1, "the watch begins")
    api.bookmark()
    api.put(pod(RUNNING))
    until(lambda: pods.evidence.state().pods == 1, "the pods are counted")
    api.cut()
    api.put(pod(KILLED))

    until(lambda: is_dead(pods.evidence), "the end is seen")
    assert (api.lists, api.watches) == (1, 2)


def test_a_version_that_is_forgotten_means_a_new_list(api: PodsApi, pods: PodWatchers) -> None:
    """What went meanwhile is gone, without proof; what ended meanwhile is proven."""
    api.put(pod(RUNNING))
    api.put(pod(RUNNING, uid="lost", name="api-6d9f7c4b5d-zzzzz"))
    pods.start()
    until(lambda: api.watches == 1, "the watch begins")
    with api.changed:
        api.pods.pop("lost")
        api.pods["u1"] = pod(KILLED)
    api.forget()

    until(lambda: api.lists == 2 and is_dead(pods.evidence), "the pods are listed again")
    until(lambda: pods.evidence.state().pods == 1, "the pods are counted")


def test_an_api_that_is_away_takes_nothing_away(api: PodsApi, pods: PodWatchers) -> None:
    """What was seen stays true; the state shows that nothing new comes."""
    api.put(pod(KILLED))
    pods.start()
    until(lambda: is_dead(pods.evidence), "the end is seen")
    api.status = 503
    api.cut()

    until(lambda: not pods.evidence.state().up, "the watch reports why it fails")
    assert is_dead(pods.evidence)
    api.status = 200
    until(lambda: pods.evidence.state().up, "the pods are watched")


def test_a_missing_right_is_named(api: PodsApi, pods: PodWatchers) -> None:
    """In the state and in the log, without the token."""
    api.status = 403
    pods.start()

    until(lambda: "403" in pods.evidence.state().error, "the watch reports why it fails")
    assert "get, list and watch on pods" in pods.evidence.state().error


def test_an_api_that_cannot_be_reached_is_tried_again(api: PodsApi, pods: PodWatchers, tmp_path: Path) -> None:
    """The credentials are read anew with each try, so that a corrected kubeconfig is found."""
    write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    pods.start()
    until(lambda: "ConnectError" in pods.evidence.state().error, "the watch reports why it fails")
    write_kubeconfig(tmp_path / "kubeconfig", api.address)

    until(lambda: pods.evidence.state().up, "the pods are watched")


def test_without_the_extra_the_state_names_it(pods: PodWatchers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else changes."""
    monkeypatch.setitem(sys.modules, "lightkube.config.client_adapter", None)
    pods.start()

    until(lambda: pods.evidence.state().error == EXTRA, "the watch reports why it fails")


def test_the_clock_of_the_api_server_is_measured(api: PodsApi, pods: PodWatchers) -> None:
    """By its header Date, so that a database whose clock is elsewhere makes every proof doubtful."""
    api.put(pod(RESTARTED))
    pods.start()
    until(lambda: is_dead(pods.evidence), "the end is seen")
    pods.evidence.compare_database_clock(-30.0)

    found = pods.evidence.find(HOLDER, T + 65)
    assert isinstance(found, NoEvidence)
    assert "s apart" in found.why
    assert NAME in found.why


def test_what_holds_no_job_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy fleet costs no query; an end that still holds jobs stays open."""
    evidence = PodEvidence(["jobs"])
    evidence.update(pod(KILLED))
    evidence.settle(())
    assert evidence.is_open
    monkeypatch.setattr("riverkeeper.evidence.pod_evidence.SETTLE_SECONDS", -1.0)
    evidence.settle({"u1"})
    assert evidence.is_open
    evidence.settle(())
    assert not evidence.is_open
