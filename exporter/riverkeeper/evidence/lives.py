"""The pods that were seen, by host name and by UID: those that live, and those that are gone. Pure.

A pod that is gone stays for a while: a job may run under its name until somebody takes it. A pod that went without a
status that shows its end counts as one that may still run.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from riverkeeper.evidence.pods import Pod, read_pod

MOST_GONE = 20_000  # pods; twice as many as may live


@dataclass(frozen=True, slots=True)
class WatchState:
    """The state of the watches, for metrics."""

    up: bool  # every namespace's pods are known as they are now
    pods: int  # those that live
    error: str = ""


@dataclass(slots=True)
class PodLives:
    """Every pod that was seen, with the ends of its containers. One thread uses it at a time."""

    pods: OrderedDict[str, Pod] = field(default_factory=OrderedDict)  # by UID; the one that changed last at the end
    by_host: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    gone: int = 0
    changed: dict[str, float] = field(default_factory=dict)  # UID -> when a new end was seen, by the caller's clock

    def update(self, manifest: Mapping[str, Any], now: float, *, deleted: bool = False) -> None:
        """A pod as the API server shows it; `deleted`: for the last time. `now`: any clock that only rises."""
        uid = str((manifest.get("metadata") or {}).get("uid", ""))
        if not uid:
            return
        known = self.pods.get(uid)
        pod = read_pod(manifest, known)
        self._put(replace(pod, gone=True) if deleted else pod, known, now)

    def replace_all(self, uids: Iterable[str], now: float, namespace: str) -> None:
        """The namespace has these pods and no others. The others went while nobody saw it."""
        present = set(uids)
        others = (pod for pod in self.pods.values() if pod.namespace == namespace and not pod.gone)
        for pod in [pod for pod in others if pod.uid not in present]:
            self._put(replace(pod, gone=True), pod, now)

    def of_host(self, host: str) -> list[Pod]:
        """Every pod with this host name, those that are gone too."""
        return [self.pods[uid] for uid in self.by_host.get(host, ())]

    def settle(self, uids: Iterable[str]) -> None:
        """No job runs under the ended containers of these pods any more."""
        for uid in uids:
            self.changed.pop(uid, None)

    def _put(self, pod: Pod, known: Pod | None, now: float) -> None:
        if known is not None and known.host != pod.host:
            self._forget_host(known)
        if pod.host:
            self.by_host[pod.host].add(pod.uid)
        if _ends(pod) - (_ends(known) if known else set()):
            self.changed[pod.uid] = now
        self.gone += pod.gone - (known.gone if known else False)
        self.pods[pod.uid] = pod
        self.pods.move_to_end(pod.uid)
        if self.gone > MOST_GONE:
            self._drop_oldest_gone()

    def _drop_oldest_gone(self) -> None:
        oldest = next(pod for pod in self.pods.values() if pod.gone)
        self._forget_host(oldest)
        del self.pods[oldest.uid]
        self.changed.pop(oldest.uid, None)
        self.gone -= 1

    def _forget_host(self, pod: Pod) -> None:
        uids = self.by_host.get(pod.host)
        if uids is not None:
            uids.discard(pod.uid)
            if not uids:
                del self.by_host[pod.host]


def _ends(pod: Pod) -> set[str]:
    return {end.container_id for container in pod.containers for end in container.ended}
