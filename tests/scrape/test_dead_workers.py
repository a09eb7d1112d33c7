"""Scrapes find the jobs of processes that have ended, by what pods prove, and cost nothing while none has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from evidence.test_proof import NAME, ended, pod, running, status
from fixtures.scrape import Exporter, page_of
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.postgres.connection import Session
from scrape.test_verdicts import CLIENT, WITH_POLICY, beat, client, kept, reasons, run

__all__ = ["kept"]


def client_of(started_at: float) -> str:
    """A Go client's id."""
    return f"{NAME}_{datetime.fromtimestamp(started_at, UTC):%Y_%m_%dT%H_%M_%S_%f}"


@pytest.fixture
def evidence() -> PodEvidence:
    """The clocks of the API server and of this process agree."""
    found = PodEvidence(["jobs"])
    found.compare_api_clock(0.0, 0.6)
    return found


@pytest.fixture
def exporter(installed_url: str, evidence: PodEvidence) -> Iterator[Exporter]:
    """Scrapes with what pods prove."""
    made = Exporter(installed_url, WITH_POLICY, evidence)
    yield made
    made.close()


def now(sql: Session) -> float:
    [row] = sql.execute("SELECT extract(epoch FROM now())::double precision AS now")
    return float(row.now)


def test_the_jobs_of_an_ended_process_are_dead(kept: Session, exporter: Exporter, evidence: PodEvidence) -> None:
    """At once: whether they beat or not, and whatever their heartbeat limit. Those of its next start are not."""
    at = now(kept)
    before, after = client_of(at - 300), client_of(at - 3.5)
    client(kept, 20, before)
    client(kept, 1, after)
    for kind, owner, age in (("dead", before, 60.0), ("silent", before, 25.0), ("alive", after, 2.0)):
        run(kept, kind, age, owner)
    beat(kept, "dead", 20)
    beat(kept, "alive", 1)
    assert reasons(exporter.read()) == {}
    assert "dead_workers" not in {query.name for query in exporter.read().queries}

    evidence.update(pod(status(running(at - 4), ended(at - 301, at - 5), 1)))
    snapshot = exporter.read()
    assert reasons(snapshot) == {"dead": "worker_dead", "silent": "worker_dead"}
    page = page_of(snapshot)
    assert page.value("river_jobs_stuck", queue="default", kind="dead", tier="standard", reason="worker_dead") == 1
    assert page.value("riverkeeper_query_success", query="dead_workers") == 1


def test_a_later_beat_of_the_process_refutes_it(kept: Session, exporter: Exporter, evidence: PodEvidence) -> None:
    """Its client's row beats on: whatever ended, it was not this process."""
    at = now(kept)
    owner = client_of(at - 300)
    run(kept, "alive", 20.0, owner)
    kept.execute(CLIENT, {"client": owner, "ago": 1.0, "kinds": None})
    evidence.update(pod(status(ended(at - 301, at - 5))))

    assert reasons(exporter.read()) == {}


def test_a_later_claim_of_the_client_refutes_it(kept: Session, exporter: Exporter, evidence: PodEvidence) -> None:
    """Nobody claims after its end."""
    at = now(kept)
    owner = client_of(at - 300)
    run(kept, "old", 60.0, owner)
    run(kept, "new", 1.0, owner)
    evidence.update(pod(status(ended(at - 301, at - 20))))

    assert reasons(exporter.read()) == {}


def test_missing_evidence_is_named(kept: Session, exporter: Exporter, evidence: PodEvidence) -> None:
    """A job that is stuck for another reason shows why its pod proves nothing."""
    at = now(kept)
    owner = client_of(at - 300)
    client(kept, 100, owner)
    run(kept, "lost", 200.0, owner)
    evidence.update(pod(status(running(at - 301))), deleted=True)
    verdicts = exporter.read().verdicts

    assert verdicts is not None
    [stuck] = verdicts.stuck
    assert stuck.verdict.reason.value == "worker_lost"
    assert "the API server does not have the pod any more" in stuck.job.no_evidence


def test_a_watch_that_does_not_work_is_a_notice(kept: Session, exporter: Exporter, evidence: PodEvidence) -> None:
    """On the front page: nobody has to look at a metric to learn that proof is missing."""
    evidence.report("jobs", "the API server answers 403")
    assert any("Pods are not watched: the API server answers 403" in notice for notice in exporter.read().notices)
    evidence.report("jobs")
    assert not any("Pods" in notice for notice in exporter.read().notices)
