"""Proof of death on a real API server: real Go workers without heartbeats, and statuses as a kubelet writes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from e2e.river import River
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until
from kubernetes.cluster import Cluster
from kubernetes.kubelet import Kubelet, beating_in_pod, give_rights, worker_in_pod
from riverkeeper.demo.postgres import Server

CONFIG = """
rescue: {{mode: live, grace: 0s}}
tiers: {{standard: {{on_worker_dead: retry}}}}
kubernetes: {{enabled: true, label_selector: app=worker, kubeconfig: {kubeconfig}}}
"""
CLAIMED = """SELECT id FROM river_job WHERE state = 'running' AND attempt = %(attempt)s
    AND attempted_at < now() - interval '6 seconds'"""
STATES = "SELECT state::text, attempt FROM river_job"
AUDIT = "SELECT reason, action, evidence ->> 'pod', evidence ->> 'cause', evidence ->> 'exit_code' FROM rescue"


JUDGED = """SELECT id FROM river_job WHERE state = 'running' AND attempt = 2
    AND attempted_at < now() - interval '12 seconds'"""  # a pass each 5 s
REPORTED = "SELECT pod_uid FROM riverkeeper.client"
AGAIN = "SELECT extract(epoch FROM attempted_at)::float8 FROM river_job WHERE state = 'running' AND attempt = 2"
DEAD = """SELECT reason, action, evidence ->> 'pod', evidence ->> 'pod_uid', evidence ->> 'cause' FROM rescue"""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Shop:
    """A River without heartbeats, a replica in live mode that watches pods, and who writes their statuses."""

    river: River
    replica: RiverkeeperProcess
    kubelet: Kubelet


@pytest.fixture
def shop(cluster: Cluster, postgres: Server, tmp_path: Path) -> Iterator[Shop]:
    """The replica has the rights get, list and watch on pods, and no others."""
    river = River(postgres.database(f"pods{next(_numbers)}"))
    river.migrate()
    riverkeeper(river, "schema", "install")
    kubelet = Kubelet.of(cluster.kubeconfig, f"jobs-{tmp_path.name.replace('_', '-')}"[:60])
    file = tmp_path / "riverkeeper.yml"
    file.write_text(CONFIG.format(kubeconfig=give_rights(kubelet, cluster.kubeconfig, tmp_path)))
    with replica_at_work(river.url, tmp_path, "", "--config.file", str(file)) as replica:
        until(lambda: replica.scrape().value("riverkeeper_kubernetes_up") == 1, "the pods to be watched")
        yield Shop(river, replica, kubelet)


def test_a_container_that_was_killed_frees_its_job(shop: Shop, tmp_path: Path) -> None:
    """OOMKilled: the job runs again on another worker, and the audit names pod, cause and exit code."""
    shop.river.insert(1, "-kinds", "endless", "-queues", "default")
    with worker_in_pod(shop.kubelet, shop.river, tmp_path) as (pod, program):
        until(lambda: shop.river.rows(CLAIMED, attempt=1), "the job to be at work for a while")
        program.kill()
        pod.show_ended()
    with worker_in_pod(shop.kubelet, shop.river, tmp_path):
        until(lambda: ("running", 2) in shop.river.rows(STATES), "the job to run again")

    audit = until(lambda: shop.river.rows(AUDIT), "the audit")
    assert audit == [("worker_dead", "retry", f"{shop.kubelet.namespace}/{pod.name}", "OOMKilled", "137")]
    page = httpx.get(f"http://{shop.replica.address}/rescues").text
    assert "was killed because it used more memory than its limit" in page


def test_a_stateful_set_s_pod_is_dead_and_its_successor_is_not(shop: Shop, tmp_path: Path) -> None:
    """Both have one name. The client reports the UID that the downward API gives, so the job runs again in seconds."""
    river, kubelet = shop.river, shop.kubelet
    river.insert(1, "-kinds", "endless", "-queues", "default")
    first = kubelet.create_set_pod("web-0")
    with beating_in_pod(first, river, tmp_path) as program:
        until(lambda: river.rows(CLAIMED, attempt=1), "the job to be at work for a while")
        until(lambda: river.rows(REPORTED) == [(first.uid,)], "the pod to be reported")
        killed_at = time.time()
        program.kill()
        first.show_ended()
        first.delete_by_force()  # its end was shown; the controller makes the next one at once
    second = kubelet.create_set_pod("web-0")
    with beating_in_pod(second, river, tmp_path):
        [(again_at,)] = until(lambda: river.rows(AGAIN), "the job to run again")
        until(lambda: river.rows(JUDGED), "two passes of the rescuer since")
        assert river.rows(STATES) == [("running", 2)]
        assert river.rows(DEAD) == [("worker_dead", "retry", f"{kubelet.namespace}/web-0", first.uid, "OOMKilled")]
        print(f"the next attempt began {again_at - killed_at:.1f} s after the kill")  # noqa: T201 - to be seen with -s


def test_a_pod_that_is_deleted_by_force_proves_nothing(shop: Shop, tmp_path: Path) -> None:
    """Its process runs on, as on a node that does not answer: the job is not taken from it."""
    shop.river.insert(1, "-kinds", "endless", "-queues", "default")
    with worker_in_pod(shop.kubelet, shop.river, tmp_path) as (pod, _):
        until(lambda: shop.river.rows(CLAIMED, attempt=1), "the job to be at work for a while")
        pod.delete_by_force()
        until(lambda: shop.replica.scrape().value("riverkeeper_kubernetes_pods") == 0, "the pod to be gone")
        with worker_in_pod(shop.kubelet, shop.river, tmp_path) as (other, ended):
            ended.kill()
            other.show_ended()  # what comes after it is seen in order, so that the deletion was judged by then
            until(lambda: shop.replica.scrape().value("riverkeeper_query_success", query="dead_workers"), "a judgement")

        assert shop.river.rows(STATES) == [("running", 1)]
        assert shop.river.rows(AUDIT) == []
