"""What a pod's object says of its containers: which runs, which has ended, and why. Pure.

Only the fields that proof needs are kept, so that ten thousand pods fit into memory. All moments are Unix seconds by
the clock of the pod's node, in whole seconds, as the kubelet writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

# The kubelet writes these where it found no container any more, and knows neither when nor how the container ended.
NOT_SEEN = frozenset({"ContainerStatusUnknown", "Unknown"})
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError"})
HOST_CHARACTERS = 63  # a host name is cut there, a pod's name may be longer
# The API server ends a generated name with five of these letters: 14 million ends, so that no name comes twice.
_RANDOM = re.compile("[bcdfghjklmnpqrstvwxz2456789]{5}")
_PARTS = (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"),
          ("ephemeralContainerStatuses", "ephemeralContainers"))  # fmt: skip


class EndCause(StrEnum):
    """Why a container ended; label values of a metric."""

    OOM_KILLED = "OOMKilled"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_SHUTDOWN = "NodeShutdown"
    COMPLETED = "Completed"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Ended:
    """One start of a container that has ended, as the kubelet saw it."""

    container_id: str
    started_at: float
    finished_at: float
    exit_code: int
    cause: EndCause
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod. Its earlier starts are those that some status has shown."""

    name: str
    runs: bool  # it runs, or may run
    running_since: float | None = None  # None: it does not run, or the status does not say since when
    running_id: str = ""
    ended: tuple[Ended, ...] = ()
    doubted: bool = False  # its statuses contradict each other


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as its last status shows it."""

    uid: str
    namespace: str
    name: str
    host: str  # the host name of its processes; "": that of its node
    is_reused: bool  # another pod may have, have had, or get the same host name
    containers: tuple[Container, ...]
    doubt: str = ""  # why no status of this pod is proof, in words
    gone: bool = False  # the API server does not have it any more


def read_pod(manifest: Mapping[str, Any], known: Pod | None = None) -> Pod:
    """A pod of the API server's JSON, with the ends of its containers that are known from before."""
    metadata, spec, status = (manifest.get(part) or {} for part in ("metadata", "spec", "status"))
    name = str(metadata.get("name", ""))
    host = "" if spec.get("hostNetwork") else str(spec.get("hostname") or name)[:HOST_CHARACTERS]
    before = {container.name: container for container in known.containers} if known else {}
    cause = _disruption(status)
    return Pod(
        uid=str(metadata.get("uid", "")),
        namespace=str(metadata.get("namespace", "")),
        name=name,
        host=host,
        is_reused=host != name or not _has_random_name(metadata),
        containers=tuple(_read_containers(spec, status, before, cause)),
        doubt=_find_doubt(spec, status),
    )


def _has_random_name(metadata: Mapping[str, Any]) -> bool:
    """Whether the API server made up the name. A StatefulSet gives the names of its pods again and again."""
    name, prefix = str(metadata.get("name", "")), str(metadata.get("generateName") or "")
    owners = {str(owner.get("kind")) for owner in metadata.get("ownerReferences") or ()}
    is_random = bool(prefix) and name.startswith(prefix) and _RANDOM.fullmatch(name[len(prefix) :]) is not None
    return is_random and "StatefulSet" not in owners


def _find_doubt(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if status.get("phase") == "Unknown" or status.get("reason") == "NodeLost":
        return "its node does not answer"
    if spec.get("shareProcessNamespace") or spec.get("hostPID"):
        return "its containers share their processes, so that a process may outlive its container"
    return ""


def _read_containers(
    spec: Mapping[str, Any], status: Mapping[str, Any], before: Mapping[str, Container], cause: EndCause | None
) -> Iterator[Container]:
    """The containers of the specification. One that has no status yet has not run."""
    for statuses, containers in _PARTS:
        shown = {str(each.get("name")): each for each in status.get(statuses) or ()}
        for named in spec.get(containers) or ():
            name = str(named.get("name"))
            yield _read_container(name, shown.get(name), before.get(name), cause)


def _read_container(
    name: str, status: Mapping[str, Any] | None, before: Container | None, cause: EndCause | None
) -> Container:
    known = before or Container(name, runs=False)
    if status is None:  # a status that was there does not vanish while the container runs on
        return Container(name, known.runs, known.running_since, known.running_id, known.ended, known.doubted)
    state, last = status.get("state") or {}, status.get("lastState") or {}
    running = state.get("running")
    current = str(status.get("containerID") or "")
    found = [_read_end(each.get("terminated"), cause if each is state else None) for each in (last, state)]
    ended = _merge(known.ended, [end for end in found if end is not None])
    running_id = current if running is not None else ""
    unseen_end = state.get("terminated") is not None and found[1] is None
    return Container(
        name,
        runs=running is not None or unseen_end,
        running_since=_moment(running.get("startedAt")) if running is not None else None,
        running_id=running_id,
        ended=ended,
        doubted=known.doubted or any(end.container_id == running_id for end in ended if running_id),
    )


MOST_ENDS = 8  # of one container; an older start can only have held a job that somebody took since


def _merge(known: Sequence[Ended], found: Sequence[Ended]) -> tuple[Ended, ...]:
    ends = {end.container_id: end for end in (*known, *found)}
    if len(ends) == len(known) and all(end in known for end in found):
        return tuple(known)
    return tuple(sorted(ends.values(), key=lambda end: end.finished_at))[-MOST_ENDS:]


def _read_end(terminated: Mapping[str, Any] | None, cause: EndCause | None) -> Ended | None:
    """None: the container did not end, or nobody saw when and how."""
    if terminated is None or terminated.get("reason") in NOT_SEEN | NOT_STARTED:
        return None
    started_at, finished_at = _moment(terminated.get("startedAt")), _moment(terminated.get("finishedAt"))
    container_id = str(terminated.get("containerID") or "")
    if started_at is None or finished_at is None or finished_at < started_at or not container_id:
        return None
    exit_code, signal = terminated.get("exitCode"), terminated.get("signal")
    if not isinstance(exit_code, int):
        return None
    return Ended(
        container_id, started_at, finished_at, exit_code,
        _cause_of(str(terminated.get("reason") or ""), exit_code, cause), signal if isinstance(signal, int) else None,
    )  # fmt: skip


def _cause_of(reason: str, exit_code: int, disruption: EndCause | None) -> EndCause:
    if reason == "OOMKilled":
        return EndCause.OOM_KILLED
    return disruption or (EndCause.COMPLETED if exit_code == 0 else EndCause.ERROR)


_DISRUPTIONS = {
    "PreemptionByScheduler": EndCause.PREEMPTED,
    "EvictionByEvictionAPI": EndCause.EVICTED,
    "DeletionByTaintManager": EndCause.EVICTED,
    "TerminationByKubelet": EndCause.NODE_SHUTDOWN,
}
_REASONS = {"Evicted": EndCause.EVICTED, "Preempting": EndCause.PREEMPTED, "Terminated": EndCause.NODE_SHUTDOWN,
            "NodeShutdown": EndCause.NODE_SHUTDOWN, "Shutdown": EndCause.NODE_SHUTDOWN}  # fmt: skip


def _disruption(status: Mapping[str, Any]) -> EndCause | None:
    """Why the whole pod was ended, if something ended it."""
    if (cause := _REASONS.get(str(status.get("reason")))) is not None:
        return cause
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return _DISRUPTIONS.get(str(condition.get("reason")))
    return None


def _moment(text: object) -> float | None:
    """Unix seconds; None also for the zero of Go and of Unix, which mean that nobody knows."""
    if not isinstance(text, str):
        return None
    try:
        seconds = datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
    return seconds if seconds > 0 else None
