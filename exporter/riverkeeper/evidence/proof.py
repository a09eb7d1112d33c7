"""Whether the process that made a claim has ended, by the statuses of pods: proof, or the reason why there is none.
Pure.

Three clocks meet here. The kubelet dates a container's start and end by the clock of its node, and so does a client id
that holds the start of its process: these two compare exactly. Claims and heartbeats are dated by the database. Where
the two meet, they may be MARGIN apart, and proof holds in spite of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from riverkeeper.evidence.lives import PodLives
from riverkeeper.evidence.pods import Container, EndCause, Ended, Pod
from riverkeeper.formats import rfc3339

MARGIN = 5.0  # seconds that the clock of a node may differ from the database's; nodes with time service keep 0.1 s
BEAT_SLACK = 1.0  # seconds that a beat may take on its way
RESOLUTION = 1.0  # the kubelet writes whole seconds, so that the end of a container lies up to one second later


@dataclass(frozen=True, slots=True)
class ReportedPod:
    """The pod that a heartbeat client reports of its process; None for what its environment does not name."""

    uid: str
    namespace: str | None = None
    name: str | None = None
    host: str | None = None  # host name of the process


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that made a claim, by what its client id and its client's row hold."""

    host: str | None  # in its client id; None: the id holds none
    process_started_at: float | None  # in its client id, by its node's clock; None: the id holds none
    claimed_at: float  # the claim, by the database's clock or by the node's
    last_claim_at: float | None = None  # of its newest claim, where it is known
    pod: ReportedPod | None = None  # as the process reports it, and no other one of its client id
    last_beat_at: float | None = None  # of that process, by the database's clock; not None where it reports a pod
    beat_interval: float = 0.0  # of that process
    has_beaten: bool = False  # the claim itself: then it is known which process of its client id holds it


@dataclass(frozen=True, slots=True)
class Terminated:
    """Proof that the process has ended."""

    pod_uid: str
    pod: str  # namespace/name
    container: str
    cause: EndCause
    exit_code: int
    signal: int | None
    started_at: float  # node's clock
    finished_at: float
    container_id: str
    is_reported: bool = False  # by the process that beats for the claim: beats of others of its client id do not count

    @property
    def sentence(self) -> str:
        """What ended, how and when, in a sentence without its full stop."""
        signal = {137: ", SIGKILL", 143: ", SIGTERM"}.get(
            self.exit_code, f", signal {self.signal}" if self.signal else ""
        )
        return (
            f"container {self.container} of pod {self.pod} {_WORDS[self.cause]} at {rfc3339(self.finished_at)} "
            f"({self.cause.value}, exit code {self.exit_code}{signal})"
        )


_WORDS = {
    EndCause.OOM_KILLED: "was killed because it used more memory than its limit",
    EndCause.EVICTED: "was evicted",
    EndCause.PREEMPTED: "was preempted by a pod of higher priority",
    EndCause.NODE_SHUTDOWN: "was ended by the shutdown of its node",
    EndCause.COMPLETED: "exited",
    EndCause.ERROR: "exited with an error",
}


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """Why the pods prove nothing; "": nothing is known of any pod that may be meant."""

    why: str


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far the API server's clock is ahead of the database's, in seconds, and how exact that is."""

    seconds: float
    uncertainty: float

    @property
    def is_bearable(self) -> bool:
        return abs(self.seconds) + self.uncertainty <= MARGIN


def find_termination(
    holder: Holder, lives: PodLives, offset: ClockOffset | None, now: float, container: str | None = None
) -> Terminated | NoEvidence:
    """Proof that the process of the claim has ended. `now`: the database's clock. `container`: the only one that runs
    workers; None: each container of a pod may. `offset` None: it is not measured.
    """
    pod = _find_pod(holder, lives)
    if isinstance(pod, NoEvidence):
        return pod
    if pod.doubt:
        return NoEvidence(f"pod {_name(pod)}: {pod.doubt}")
    considered = [each for each in pod.containers if container in (None, each.name)]
    found = _find_end(holder, pod, considered)
    if isinstance(found, NoEvidence):
        return found
    why = _find_clock_doubt(holder, found, offset, now) or _find_later_sign(holder, found)
    if why := why or _await_beat(holder, pod, lives, now):
        return NoEvidence(f"{found.sentence}, but {why}")
    return found


def sees_process(holder: Holder, lives: PodLives, container: str | None = None) -> bool:
    """Whether the pods that are watched could prove the end of this process, now or later."""
    pod = _find_pod(holder, lives)
    return isinstance(pod, Pod) and not pod.doubt and any(container in (None, each.name) for each in pod.containers)


def _find_pod(holder: Holder, lives: PodLives) -> Pod | NoEvidence:
    if holder.pod is not None:
        return _find_reported(holder, holder.pod, lives)
    if holder.host is None:
        return NoEvidence("its client id names no pod, and its client does not report one")
    pods = lives.of_host(holder.host)
    if not pods:
        return NoEvidence(f"no pod with the host name {holder.host} was seen")
    if len(pods) > 1:
        return NoEvidence(f"{len(pods)} pods have or had the host name {holder.host}")
    if pods[0].is_reused:
        return NoEvidence(
            f"the name of pod {_name(pods[0])} is used again and again, and its client does not report the pod's UID"
        )
    return pods[0]


def _find_reported(holder: Holder, reported: ReportedPod, lives: PodLives) -> Pod | NoEvidence:
    """By its UID. The host name must fit too: an environment can be copied, to another container or machine."""
    pod = lives.pods.get(reported.uid)
    if pod is None:
        return NoEvidence("its client reports the UID of a pod that the API server has not shown")
    if reported.namespace not in (None, pod.namespace) or reported.name not in (None, pod.name):
        return NoEvidence(f"its client reports the UID of pod {_name(pod)} with another name")
    if not pod.host:
        return NoEvidence(f"the processes of pod {_name(pod)} have the host name of its node")
    if reported.host is None and holder.host is None:
        return NoEvidence(f"its client reports pod {_name(pod)} and no host name, so that it may run elsewhere")
    in_id = pod.host.replace(".", "_")  # as River writes it
    if reported.host not in (None, pod.host) or holder.host not in (None, pod.host, in_id):
        return NoEvidence(f"its client reports pod {_name(pod)}, and its host has another name")
    return pod


def _find_end(holder: Holder, pod: Pod, containers: Sequence[Container]) -> Terminated | NoEvidence:
    """The end of the container that ran the process. Where several may have run it, all must have ended: the last."""
    if not containers:
        return NoEvidence(f"pod {_name(pod)} has no container that runs workers")
    exact = holder.process_started_at is not None
    alive_at = holder.process_started_at if holder.process_started_at is not None else holder.claimed_at
    slack = 0.0 if exact else MARGIN
    for container in containers:
        if why := _may_live(container, alive_at + slack):
            lost = ", and the API server does not have the pod any more" if pod.gone else ""
            return NoEvidence(f"container {container.name} of pod {_name(pod)} {why}{lost}")
    ends = [(end, container) for container in containers for end in _covering(container, alive_at, slack)]
    if not ends:
        return NoEvidence(f"no status of pod {_name(pod)} has shown the end of the container that ran it")
    end, container = max(ends, key=lambda each: each[0].finished_at)
    return Terminated(
        pod.uid, _name(pod), container.name, end.cause, end.exit_code, end.signal, end.started_at, end.finished_at,
        end.container_id, is_reported=holder.pod is not None and holder.has_beaten,
    )  # fmt: skip


def _may_live(container: Container, alive_at: float) -> str | None:
    """Why the process may run in this container now; `alive_at`: the latest moment at which it may have started."""
    if container.doubted:
        return "was shown as ended, and then as running again"
    if not container.runs:
        return None
    since = container.running_since
    if since is None:
        return "may still run"
    if any(end.finished_at > since + RESOLUTION for end in container.ended):
        return "began before its previous start ended: the clock of its node was changed"
    return "is shown as running" if since <= alive_at else None


def _covering(container: Container, alive_at: float, slack: float) -> Iterator[Ended]:
    """The ends of the starts during which the process was alive at this moment.

    A process that began within MARGIN of the end may belong to the next start, if a clock was set back between.
    """
    for end in container.ended:
        if end.started_at - slack <= alive_at <= end.finished_at - MARGIN:
            yield end


def _find_clock_doubt(holder: Holder, found: Terminated, offset: ClockOffset | None, now: float) -> str | None:
    if offset is None:
        return "the clock of the API server has not been compared with the database's yet"
    if not offset.is_bearable:
        return (
            f"the clocks of the API server and the database are {offset.seconds:.1f} s apart "
            f"(± {offset.uncertainty:.1f} s), more than {MARGIN:g} s"
        )
    if found.finished_at > now + MARGIN:
        return "that is in the future: the clock of its node is wrong"
    return None


def _find_later_sign(holder: Holder, found: Terminated) -> str | None:
    """What its client did after the end, or before its process began."""
    if max(holder.claimed_at, holder.last_claim_at or holder.claimed_at) > found.finished_at + MARGIN:
        return "its client has claimed a job since"
    if holder.last_beat_at is not None and holder.last_beat_at > found.finished_at + RESOLUTION:
        return "it has beaten since"
    if holder.process_started_at is not None and holder.claimed_at < holder.process_started_at - 2 * MARGIN:
        return "the job was claimed before the process began"
    return None


def _await_beat(holder: Holder, pod: Pod, lives: PodLives, now: float) -> str | None:
    """Where only the reported UID names the pod, a beat must be missing too: somebody may have written the UID down."""
    if holder.pod is None or (not pod.is_reused and holder.host is not None and lives.of_host(holder.host) == [pod]):
        return None
    if holder.last_beat_at is not None and now > holder.last_beat_at + holder.beat_interval + BEAT_SLACK:
        return None
    return "its next beat is awaited, because its client id alone does not name the pod"


def _name(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name}"
