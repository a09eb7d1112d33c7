"""What is proof that a process has ended, and what is not: one rule a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from riverkeeper.evidence.lives import MOST_GONE, PodLives
from riverkeeper.evidence.pods import EndCause
from riverkeeper.evidence.proof import (
    MARGIN,
    ClockOffset,
    Holder,
    NoEvidence,
    ReportedPod,
    Terminated,
    find_termination,
    sees_process,
)
from riverkeeper.formats import rfc3339

T = 1_764_000_000.0
NAME = "api-6d9f7c4b5d-x2k4q"
EXACT = ClockOffset(0.0, 0.6)
HOLDER = Holder(NAME, T + 1, T + 30)
Manifest = dict[str, Any]


def ended(start: float, end: float, number: int = 0, reason: str = "OOMKilled", exit_code: int = 137) -> Manifest:
    return {"terminated": {
        "startedAt": rfc3339(start), "finishedAt": rfc3339(end), "containerID": f"containerd://{number}",
        "reason": reason, "exitCode": exit_code,
    }}  # fmt: skip


def running(start: float) -> Manifest:
    return {"running": {"startedAt": rfc3339(start)}}


def status(state: Manifest, last: Manifest | None = None, number: int = 0, name: str = "worker") -> Manifest:
    return {"name": name, "state": state, "lastState": last or {}, "restartCount": number,
            "containerID": f"containerd://{number}"}  # fmt: skip


def pod(*statuses: Manifest, uid: str = "u1", name: str = NAME, **more: Any) -> Manifest:
    metadata = {"uid": uid, "name": name, "namespace": "jobs", "generateName": name[:-5]}
    return {
        "metadata": metadata | more.pop("metadata", {}),
        "spec": {"containers": [{"name": each["name"]} for each in statuses]} | more.pop("spec", {}),
        "status": {"phase": "Running", "containerStatuses": list(statuses)} | more,
    }  # fmt: skip


KILLED = status({"waiting": {"reason": "CrashLoopBackOff"}}, ended(T, T + 60))
RESTARTED = status(running(T + 61), ended(T, T + 60), 1)


def lives_of(*manifests: Manifest, deleted: bool = False) -> PodLives:
    lives = PodLives()
    for manifest in manifests:
        lives.update(manifest, 0.0)
    if deleted:
        lives.update(manifests[-1], 1.0, deleted=True)
    return lives


def find(lives: PodLives, holder: Holder = HOLDER, **more: Any) -> Terminated | NoEvidence:
    return find_termination(holder, lives, more.pop("offset", EXACT), more.pop("now", T + 65), **more)


def why(found: Terminated | NoEvidence) -> str:
    assert isinstance(found, NoEvidence), found
    return found.why


@pytest.mark.parametrize("state", [KILLED, RESTARTED, status(ended(T, T + 60))], ids=["waits", "restarted", "ended"])
def test_the_end_of_the_container_is_proof(state: Manifest) -> None:
    """Whether it waits for its next start, has it, or is over."""
    found = find(lives_of(pod(state)))

    assert isinstance(found, Terminated)
    assert (found.pod, found.container, found.cause, found.exit_code) == (
        "jobs/" + NAME,
        "worker",
        EndCause.OOM_KILLED,
        137,
    )
    assert found.sentence == (
        f"container worker of pod jobs/{NAME} was killed because it used more memory than its limit at "
        f"{rfc3339(T + 60)} (OOMKilled, exit code 137, SIGKILL)"
    )


def test_the_job_of_the_next_start_is_not_dead() -> None:
    """The same pod and host name: the client id shows which start it was."""
    assert "is shown as running" in why(find(lives_of(pod(RESTARTED)), Holder(NAME, T + 61.4, T + 62)))


def test_an_earlier_start_stays_known() -> None:
    """A status holds the last end only; a watcher that saw the one before it remembers it."""
    third = status(running(T + 90), ended(T + 61, T + 80, 1), 2)

    assert isinstance(find(lives_of(pod(RESTARTED), pod(third)), now=T + 100), Terminated)
    assert "no status" in why(find(lives_of(pod(third)), now=T + 100))


def test_a_pod_that_went_without_an_end_proves_nothing() -> None:
    """Deleted by force: its process may run on, on a node that does not answer."""
    found = find(lives_of(pod(status(running(T))), deleted=True))

    assert why(found).endswith("is shown as running, and the API server does not have the pod any more")


def test_a_pod_that_is_not_listed_any_more_proves_nothing() -> None:
    """It went while nobody watched."""
    lives = lives_of(pod(status(running(T))))
    lives.replace_all([], 1.0, "jobs")

    assert "does not have the pod any more" in why(find(lives))


def test_the_last_status_of_a_deleted_pod_counts() -> None:
    """A deletion with its time shows the end of every container before the pod goes."""
    assert isinstance(find(lives_of(pod(status(running(T))), pod(status(ended(T, T + 60))), deleted=True)), Terminated)


@pytest.mark.parametrize(
    "more",
    [
        {"phase": "Unknown"},
        {"reason": "NodeLost"},
        {"spec": {"shareProcessNamespace": True}},
        {"spec": {"hostPID": True}},
    ],
)
def test_a_doubtful_pod_proves_nothing(more: Manifest) -> None:
    """Its node does not answer, or its processes may outlive their container."""
    spec = {"spec": {"containers": [{"name": "worker"}]} | more["spec"]} if "spec" in more else more
    assert why(find(lives_of(pod(KILLED, **spec))))


@pytest.mark.parametrize("reason", ["ContainerStatusUnknown", "Unknown", "StartError"])
def test_an_end_that_nobody_saw_proves_nothing(reason: str) -> None:
    """The kubelet found no container any more, and wrote an end of its own."""
    assert why(find(lives_of(pod(status(ended(T, T + 60, reason=reason))))))


def test_an_end_without_its_time_proves_nothing() -> None:
    """The zero of Go and of Unix mean that nobody knows."""
    for at in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", None):
        state = ended(T, T + 60)
        state["terminated"]["finishedAt"] = at
        assert why(find(lives_of(pod(status(state)))))


def test_two_pods_that_may_be_meant_prove_nothing() -> None:
    """Whichever of them is alive."""
    lives = lives_of(pod(KILLED), pod(status(running(T)), uid="u2"))

    assert why(find(lives)) == f"2 pods have or had the host name {NAME}"


@pytest.mark.parametrize("metadata", [{"name": "web-0", "generateName": "web-"}, {"generateName": None},
                                      {"ownerReferences": [{"kind": "StatefulSet"}]}])  # fmt: skip
def test_a_name_that_is_used_again_needs_the_uid(metadata: Manifest) -> None:
    """A StatefulSet's pod that was deleted by force may run beside its successor, and both have one name."""
    lives, name = lives_of(pod(KILLED, metadata=metadata)), metadata.get("name", NAME)

    assert "used again" in why(find(lives, replace(HOLDER, host=name)))
    assert isinstance(find(lives, reporting("u1", name)), Terminated)


def reporting(uid: str, name: str, namespace: str | None = "jobs", **more: Any) -> Holder:
    """A process whose last beat was at 50 s, ten before the end, and whose next one is missing at 62 s."""
    reported = ReportedPod(uid, namespace, name, more.pop("host", name))
    in_id = more.pop("in_id", name)
    return replace(HOLDER, host=in_id, pod=reported, last_beat_at=T + 50, beat_interval=10.0, has_beaten=True, **more)


SET = {"name": "web-0", "generateName": "web-", "ownerReferences": [{"kind": "StatefulSet"}]}


def test_the_uid_finds_one_of_several_pods_of_a_name() -> None:
    """In two namespaces, or one after the other; only the end of its own pod counts."""
    lives = lives_of(
        pod(KILLED, metadata=SET),
        pod(status(running(T)), uid="u2", metadata=SET | {"namespace": "others"}),
        pod(status(running(T + 70)), uid="u3", metadata=SET),
    )

    assert isinstance(find(lives, reporting("u1", "web-0")), Terminated)
    assert "is shown as running" in why(find(lives, reporting("u2", "web-0", "others")))
    assert why(find(lives, reporting("u3", "web-0", process_started_at=T + 71, claimed_at=T + 80), now=T + 90))


def test_a_uid_that_fits_no_pod_is_no_evidence() -> None:
    """Not even where the name alone would be proof: the process may run in another cluster."""
    lives = lives_of(pod(KILLED))

    assert isinstance(find(lives), Terminated)
    assert "has not shown" in why(find(lives, reporting("u0", NAME)))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"namespace": "others"}, "with another name"),
        ({"host": "laptop"}, "its host has another name"),
        ({"in_id": "laptop"}, "its host has another name"),
        ({"host": None, "in_id": None}, "no host name"),
    ],
)
def test_a_copied_environment_is_no_evidence(more: dict[str, Any], words: str) -> None:
    """The process runs elsewhere, and lives."""
    assert words in why(find(lives_of(pod(KILLED, metadata=SET)), reporting("u1", "web-0", **more)))


def test_a_client_id_that_holds_no_host_needs_the_reported_pod() -> None:
    """The host name is then the process's own."""
    lives = lives_of(pod(KILLED, metadata=SET))

    assert isinstance(find(lives, reporting("u1", "web-0", in_id=None, process_started_at=None)), Terminated)
    assert "names no pod" in why(find(lives, replace(HOLDER, host=None)))


def test_where_the_uid_alone_names_the_pod_a_beat_must_be_missing() -> None:
    """A UID that somebody wrote down names a pod whose end is no end of this process, which beats on."""
    lives = lives_of(pod(KILLED, metadata=SET))

    assert "next beat is awaited" in why(find(lives, reporting("u1", "web-0"), now=T + 60.5))
    assert isinstance(find(lives, reporting("u1", "web-0"), now=T + 61.5), Terminated)
    assert isinstance(find(lives_of(pod(KILLED)), reporting("u1", NAME), now=T + 60.5), Terminated)


def test_a_beat_of_the_reporting_process_after_the_end_refutes_it() -> None:
    """Whatever ended, it was not this process."""
    holder = replace(reporting("u1", "web-0"), last_beat_at=T + 63)

    assert "has beaten since" in why(find(lives_of(pod(KILLED, metadata=SET)), holder, now=T + 90))


def test_a_pod_with_the_host_name_of_its_node_is_no_evidence() -> None:
    """Every other pod there has the same one."""
    spec = {"hostNetwork": True, "containers": [{"name": "worker"}]}

    assert "of its node" in why(
        find(lives_of(pod(KILLED, spec=spec)), reporting("u1", NAME, host="node-1", in_id=None))
    )


def test_a_pod_on_its_node_s_network_has_no_name_of_its_own() -> None:
    """Its processes see the host name of the node."""
    assert "no pod" in why(find(lives_of(pod(KILLED, spec={"hostNetwork": True, "containers": [{"name": "worker"}]}))))


def test_every_container_that_may_have_run_it_must_have_ended() -> None:
    """A host name does not tell the containers of a pod apart; the configuration can."""
    lives = lives_of(pod(KILLED, status(running(T), name="sidecar")))

    assert "container sidecar" in why(find(lives))
    assert isinstance(find(lives, container="worker"), Terminated)
    assert "no container" in why(find(lives, container="other"))


def test_without_the_start_in_its_id_the_claim_must_be_well_before_the_end() -> None:
    """The claim is dated by the database, the end by the node: they may be MARGIN apart."""
    lives = lives_of(pod(KILLED))

    assert isinstance(find(lives, Holder(NAME, None, T + 60 - MARGIN)), Terminated)
    assert why(find(lives, Holder(NAME, None, T + 60 - MARGIN + 0.1)))
    assert "running" in why(find(lives_of(pod(RESTARTED)), Holder(NAME, None, T + 57)))


def test_clocks_that_are_apart_prove_nothing() -> None:
    """Known only as exactly as the round trip allows; not measured is not known."""
    lives = lives_of(pod(KILLED))

    assert "not been compared" in why(find(lives, offset=None))
    assert "apart" in why(find(lives, offset=ClockOffset(-4.0, 1.1)))
    assert "future" in why(find(lives, now=T + 50))


def test_a_later_claim_refutes_the_end() -> None:
    """Then the process is another one than the id names."""
    assert "claimed a job since" in why(find(lives_of(pod(KILLED)), replace(HOLDER, last_claim_at=T + 66)))


def test_an_end_that_is_taken_back_is_never_believed_again() -> None:
    """An API server that was restored from a backup shows old statuses."""
    lives = lives_of(pod(KILLED), pod(status(running(T))))

    assert "as running again" in why(find(lives))
    lives.update(pod(KILLED), 2.0)
    assert "as running again" in why(find(lives))


DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


@pytest.mark.parametrize(("more", "cause"), [
    ({"reason": "Evicted"}, EndCause.EVICTED),
    ({"conditions": [DISRUPTED | {"reason": "PreemptionByScheduler"}]}, EndCause.PREEMPTED),
    ({"conditions": [DISRUPTED | {"reason": "TerminationByKubelet"}]}, EndCause.NODE_SHUTDOWN),
    ({}, EndCause.COMPLETED),
])  # fmt: skip
def test_the_cause_is_in_words_for_people(more: Manifest, cause: EndCause) -> None:
    """A disruption of the pod explains more than the exit code."""
    found = find(lives_of(pod(status(ended(T, T + 60, reason="Completed", exit_code=0)), **more)))

    assert isinstance(found, Terminated)
    assert found.cause is cause


def test_memory_is_bounded() -> None:
    """Of the pods that are gone the oldest are forgotten; what lives stays."""
    lives = lives_of(pod(status(running(T)), uid="alive"))
    for number in range(MOST_GONE + 10):
        lives.update({"metadata": {"uid": f"u{number}", "name": f"n{number}", "namespace": "jobs"}}, 0.0, deleted=True)

    assert len(lives.pods) == MOST_GONE + 1
    assert "alive" in lives.pods
    assert lives.of_host("n0") == []


def test_a_process_whose_end_could_be_proven_is_seen() -> None:
    """While it runs too; not without a pod or a host, with two pods of a name, or a foreign container."""
    other = pod(status(running(T)), uid="u2")
    seen = lives_of(pod(status(running(T))))

    assert sees_process(HOLDER, seen)
    assert not sees_process(HOLDER, seen, "sidecar")
    assert not sees_process(replace(HOLDER, host=None), seen)
    assert not sees_process(HOLDER, lives_of())
    assert not sees_process(HOLDER, lives_of(pod(status(running(T))), other))
