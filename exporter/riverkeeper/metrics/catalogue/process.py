"""Metric families of this process alone, which need no database. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from riverkeeper.evidence.lives import WatchState
from riverkeeper.metrics.family import Family, MetricType, Per, Samples
from riverkeeper.rescue.status import Acts


class Rejection(StrEnum):
    """Values of the label `reason` of riverkeeper_http_requests_rejected_total."""

    NO_CREDENTIALS = "no_credentials"
    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_CERTIFICATE = "wrong_certificate"  # its connection is cut, no answer is given
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    CROSS_SITE = "cross_site"
    WRONG_HOST = "wrong_host"


REJECTIONS = tuple(rejection.value for rejection in Rejection)


@dataclass(slots=True)
class Process:
    """What this process counts of itself."""

    config_reloaded: bool = True
    rejected: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REJECTIONS, 0)))
    acts: Acts = field(default_factory=Acts)
    watch_state: Callable[[], WatchState | None] = lambda: None  # of the pods; None: they are not watched
    series: int = 0  # samples on the page, without process_ and python_


def config_last_reload_successful(process: Process) -> Samples:
    yield (), float(process.config_reloaded)


def requests_rejected(process: Process) -> Samples:
    return (((reason,), float(count)) for reason, count in sorted(process.rejected.items()))


def series(process: Process) -> Samples:
    yield (), float(process.series)


def kubernetes_up(process: Process) -> Samples:
    if (state := process.watch_state()) is not None:
        yield (), float(state.up)


def kubernetes_pods(process: Process) -> Samples:
    if (state := process.watch_state()) is not None:
        yield (), float(state.pods)


PROCESS: tuple[Family[Process], ...] = (
    Family(
        "riverkeeper_config_last_reload_successful",
        MetricType.GAUGE,
        "1 if the last reload of the configuration succeeded. 0 if it failed: the previous configuration stays in "
        "force.",
        (),
        config_last_reload_successful,
    ),
    Family(
        "riverkeeper_http_requests_rejected_total",
        MetricType.COUNTER,
        "HTTP requests that this process rejected, by reason.",
        ("reason",),
        requests_rejected,
        per=Per.OTHER,
        times=len(REJECTIONS),
    ),
    Family(
        "riverkeeper_kubernetes_up",
        MetricType.GAUGE,
        "1 while the pods of every namespace in `kubernetes.namespaces` are watched. 0 while they are not: no new "
        "worker_dead then, and every other verdict stays. Absent without `kubernetes.enabled`.",
        (),
        kubernetes_up,
    ),
    Family(
        "riverkeeper_kubernetes_pods",
        MetricType.GAUGE,
        "Pods that are watched and live, as far as this process knows. Absent without `kubernetes.enabled`.",
        (),
        kubernetes_pods,
    ),
    Family(
        "riverkeeper_series",
        MetricType.GAUGE,
        "Samples on this page, without those of the process itself (process_, python_).",
        (),
        series,
    ),
)
