"""An OOM kill from end to end: a real API server, real Go workers, the shipped rules and routing, and who hears of it.

Everything of the alert is ten times as quick. With RIVERKEEPER_REAL_TIME=1 nothing is, and docs/kubernetes.md has the
times of such a run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.programs import tool
from e2e.receivers import Received, http_receiver
from e2e.riverkeeper_process import riverkeeper
from e2e.scraper import Scraper, prometheus_at_work
from e2e.shipped_alerts import alertmanager_as_shipped, shipped_rules
from fixtures.waiting import until
from kubernetes.kubelet import WorkerPod, worker_in_pod
from kubernetes.test_pod_evidence import STATES, Shop, shop

__all__ = ["shop"]  # the fixture
FACTOR = 1 if os.environ.get("RIVERKEEPER_REAL_TIME") else 10
PATIENCE = 300.0
JOBS = 3  # as many as the alert takes for more than a chance
LOST = 'riverkeeper_jobs_lost_total{queue="default", reason="OOMKilled"}'
CLAIMED = """SELECT count(*) FROM river_job WHERE state = 'running' AND attempt = 1
    AND attempted_at < now() - interval '6 seconds'"""  # younger processes are no proof
AUDIT = """SELECT extract(epoch FROM max(at))::float8, count(*), min(evidence ->> 'cause'), min(evidence ->> 'pod')
    FROM rescue WHERE reason = 'worker_dead'"""
AGAIN = """SELECT extract(epoch FROM max(attempted_at))::float8, count(*) FROM river_job
    WHERE state = 'running' AND attempt = 2"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A River whose replica Prometheus scrapes, and what Alertmanager sends to people."""

    shop: Shop
    scraper: Scraper
    received: Received

    def message(self, receiver: str) -> dict[str, Any] | None:
        """The first message about memory that this receiver got."""
        found = (each for each in self.received.sent_to(f"/{receiver}") if "OutOfMemory" in str(each))
        return next(found, None)


@pytest.fixture
def watched(shop: Shop, tmp_path: Path) -> Iterator[Watched]:
    received = Received()
    with contextlib.ExitStack() as programs:
        receivers = programs.enter_context(http_receiver(received))
        alertmanager = programs.enter_context(alertmanager_as_shipped(tmp_path, receivers, FACTOR))
        rules = {"groups": shipped_rules(FACTOR)}
        scraper = programs.enter_context(
            prometheus_at_work(tool("prometheus"), [shop.replica.address], tmp_path, rules, alertmanager)
        )
        yield Watched(shop, scraper, received)


def test_an_oom_kill_is_a_ticket_and_its_jobs_run_again(watched: Watched, tmp_path: Path) -> None:
    """The process of three jobs is killed for its memory: audit, next attempts, counter, ticket and page name it."""
    river, kubelet, address = watched.shop.river, watched.shop.kubelet, watched.shop.replica.address
    river.insert(JOBS, "-kinds", "endless", "-queues", "default")
    with worker_in_pod(kubelet, river, tmp_path, slots=JOBS) as (pod, program):
        until(lambda: river.rows(CLAIMED) == [(JOBS,)], "the jobs to be at work for a while", PATIENCE)
        until(lambda: watched.scraper.query(LOST) == [0.0], "the counter to begin with 0", PATIENCE)
        with worker_in_pod(kubelet, river, tmp_path, slots=JOBS):
            killed_at = time.time()
            program.kill()
            pod.show_ended()
            again = until(
                lambda: rows[0] if (rows := river.rows(AGAIN))[0][1] == JOBS else None, "them again", PATIENCE
            )
            ticket = until(lambda: watched.message("tickets"), "a ticket", PATIENCE)
            ticket_at = time.time()

    rescued_at, *audit = river.rows(AUDIT)[0]
    print(  # noqa: T201 - to be seen with -s
        f"after the kill: rescued {rescued_at - killed_at:.1f} s, next attempts {again[0] - killed_at:.1f} s, "
        f"ticket {ticket_at - killed_at:.1f} s (alert {FACTOR} times as quick)"
    )
    assert audit == [JOBS, "OOMKilled", f"{kubelet.namespace}/{pod.name}"]
    [alert] = ticket["alerts"]
    assert alert["labels"]["queue"] == "default"
    assert "OOM kills cut off 3 jobs of queue default within the last hour" in alert["annotations"]["summary"]
    assert watched.message("pages") is None
    assert "was killed because it used more memory than its limit" in httpx.get(f"http://{address}/rescues").text
    listed = riverkeeper(river, "rescue", "list", "--reason", "worker_dead", "--json")
    assert listed.count('"cause": "OOMKilled"') == JOBS


def test_a_pod_that_is_deleted_by_force_is_no_ticket(watched: Watched, tmp_path: Path) -> None:
    """Its process runs on: nothing is called dead, nothing is counted, and no message is sent."""
    river, kubelet, replica = watched.shop.river, watched.shop.kubelet, watched.shop.replica
    river.insert(JOBS, "-kinds", "endless", "-queues", "default")
    with worker_in_pod(kubelet, river, tmp_path, slots=JOBS) as (pod, _):
        until(lambda: river.rows(CLAIMED) == [(JOBS,)], "the jobs to be at work for a while", PATIENCE)
        until(lambda: watched.scraper.query(LOST) == [0.0], "the counter to begin with 0", PATIENCE)
        pod.delete_by_force()
        until(lambda: replica.scrape().value("riverkeeper_kubernetes_pods") == 0, "the pod to be gone", PATIENCE)
        end_another(watched, tmp_path)

        assert river.rows(STATES) == [("running", 1)] * JOBS
        assert river.rows(AUDIT)[0][1] == 0
        assert watched.scraper.query(LOST) == [0.0]
        assert watched.message("tickets") is None


def end_another(watched: Watched, folder: Path) -> None:
    """Its end is seen after the deletion, so that the deletion was judged by then; and it held no job."""
    other: WorkerPod
    with worker_in_pod(watched.shop.kubelet, watched.shop.river, folder) as (other, program):
        program.kill()
        other.show_ended()
        judged = watched.scraper.query("max(riverkeeper_snapshot_timestamp_seconds)")
        until(
            lambda: watched.scraper.query("max(riverkeeper_snapshot_timestamp_seconds)")[0] > judged[0] + 10,
            "ten seconds of judgements",
            PATIENCE,
        )
