"""Scrapes find the jobs of processes that have ended, by what pods prove, and cost nothing while none has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from evidence.test_proof import NAME, ended, pod, running, status
from fixtures.scrape import Exporter, page_of
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.postgres.connection import Session
from scrape.test_verdicts import CLIENT, WITH_POLICY, beat, client, kept, reasons, run

__all__ = ["kept"]


def client_of(started_at: float, host: str = NAME) -> str:
    """A Go client's id."""
    return f"{host}_{datetime.fromtimestamp(started_at, UTC):%Y_%m_%dT%H_%M_%S_%f}"


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


PROCESS = """INSERT INTO riverkeeper.client
    (instance, client_id, beat_at, beat_interval, kinds, fences, software, started_at, pod_namespace,
        pod_name, pod_uid, host)
    VALUES (gen_random_uuid(), %(client)s, now() - make_interval(secs => %(ago)s), '10 s', NULL, true,
        'riverbeat-go/test', now() - interval '1 hour', 'jobs', 'web-0', %(uid)s, 'web-0')
    RETURNING instance"""
HELD_BY = """UPDATE riverkeeper.heartbeat AS h SET instance = %(instance)s
    FROM river_job AS j WHERE j.id = h.job_id AND j.kind = %(kind)s"""


def process(sql: Session, client_id: str, uid: str, ago: float) -> UUID:
    """A process in the pod of a StatefulSet, as its client reports it."""
    [row] = sql.execute(PROCESS, {"client": client_id, "uid": uid, "ago": ago})
    assert isinstance(row.instance, UUID)
    return row.instance


SET = {"name": "web-0", "generateName": "web-", "ownerReferences": [{"kind": "StatefulSet"}]}


@pytest.mark.parametrize("in_id", [True, False], ids=["rivers_id", "own_id"])
def test_a_stateful_set_s_pod_is_found_by_its_uid(
    kept: Session, exporter: Exporter, evidence: PodEvidence, *, in_id: bool
) -> None:
    """And its successor, which has its name, and here its client id too, is never called dead."""
    at = now(kept)
    before, after = (client_of(at - 300, "web-0"), client_of(at - 8, "web-0")) if in_id else ("web-0", "web-0")
    dead, alive = process(kept, before, "u1", 19.0), process(kept, after, "u2", 1.0)
    for kind, owner, instance, age, ago in (("dead", before, dead, 60.0, 19.0), ("alive", after, alive, 6.0, 1.0)):
        run(kept, kind, age, owner)
        beat(kept, kind, ago)
        kept.execute(HELD_BY, {"kind": kind, "instance": instance})
    evidence.update(pod(status(running(at - 301)), uid="u1", metadata=SET))
    evidence.update(pod(status(running(at - 9)), uid="u2", metadata=SET))
    assert reasons(exporter.read()) == {}

    evidence.update(pod(status(ended(at - 301, at - 18)), uid="u1", metadata=SET), deleted=True)
    assert reasons(exporter.read()) == {"dead": "worker_dead"}


def test_a_claim_that_never_beat_has_no_pod_by_an_id_of_one_s_own(
    kept: Session, exporter: Exporter, evidence: PodEvidence
) -> None:
    """Another process may have made it, which sends no heartbeats and works on."""
    at = now(kept)
    process(kept, "shared", "u1", 24.0)
    run(kept, "of_another", 30.0, "shared")
    evidence.update(pod(status(ended(at - 301, at - 22)), uid="u1", metadata=SET))

    assert reasons(exporter.read()) == {}


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
