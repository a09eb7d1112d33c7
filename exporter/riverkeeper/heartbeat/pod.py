"""The Kubernetes pod in which this process runs, as its environment names it."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from riverkeeper.postgres.errors import DatabaseError

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

# The prefix keeps a POD_NAME that was set for something else from being taken for a proof of where this process runs.
VARIABLES = {
    "pod_namespace": "RIVERKEEPER_POD_NAMESPACE", "pod_name": "RIVERKEEPER_POD_NAME", "pod_uid": "RIVERKEEPER_POD_UID",
}  # fmt: skip
# Kubernetes' names, UIDs and host names: every encoding of a database has their characters, and no column is too short.
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True)
class WorkerPod:
    """Parameters of pod.sql; None for each value that is not known."""

    pod_namespace: str | None = None
    pod_name: str | None = None
    pod_uid: str | None = None
    host: str | None = None

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "pod_namespace": self.pod_namespace, "pod_name": self.pod_name, "pod_uid": self.pod_uid, "host": self.host,
        }  # fmt: skip


def read_own_pod(environ: Mapping[str, str] = os.environ) -> WorkerPod | None:
    """None where the environment names no pod."""
    named = {field: fit_name(environ.get(variable)) for field, variable in VARIABLES.items()}
    return WorkerPod(**named, host=fit_name(socket.gethostname())) if any(named.values()) else None


def fit_name(value: str | None) -> str | None:
    """The value as it is sent: None where it can be no name."""
    return value if value is not None and _NAME.fullmatch(value) else None


class PodReport:
    """Sends the pod once, and once more after beats have failed: the row of this process may be another one by then."""

    def __init__(self, send: Callable[[float], None]) -> None:
        self._send = send
        self._due = True

    def record_failure(self) -> None:
        """A beat has failed."""
        self._due = True

    def send_if_due(self, seconds: float) -> None:
        """After a beat, which does not fail by it. A failure costs the beats a connection: it is not tried again."""
        if not self._due:
            return
        self._due = False
        try:
            self._send(seconds)
        except DatabaseError as error:
            log.warning(
                "the pod of this process was not reported; beats continue: kind=%s error=%s fix=%s",
                error.kind, error, error.fix,
            )  # fmt: skip
