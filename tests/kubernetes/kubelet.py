"""What a kubelet writes: pods whose worker is a real process of this machine, and the statuses of their containers.

There is no node. The process runs under its pod's host name, in a namespace of its own, as in a container.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml

from e2e.programs import Program, started
from e2e.river import River

Manifest = dict[str, Any]
SPEC = {"automountServiceAccountToken": False, "containers": [{"name": "worker", "image": "worker"}]}
# The host name is set before the worker asks for it; the shell becomes the worker, so that a kill meets it.
IN_POD = ("unshare", "--uts", "bash", "-c", 'hostname "$0" && exec "$@"')


def moment() -> str:
    """Now, as a kubelet writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Kubelet:
    """Writes pods and their statuses into a namespace of the API server."""

    server: str
    token: str
    namespace: str

    @classmethod
    def of(cls, kubeconfig: Path, namespace: str) -> Kubelet:
        """With the rights of the kubeconfig's user; makes the namespace and its account for pods."""
        document = yaml.safe_load(kubeconfig.read_text("utf-8"))
        server, user = document["clusters"][0]["cluster"]["server"], document["users"][0]["user"]
        kubelet = cls(server, user["token"], namespace)
        kubelet.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        kubelet.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
        return kubelet

    def request(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        content = json.dumps(body or {})
        answer = httpx.request(
            method,
            self.server + path,
            content=content,
            headers=headers,
            verify=False,  # noqa: S501 - a throw-away certificate
            timeout=30,
        )
        assert answer.is_success, answer.text
        found: Manifest = answer.json()
        return found

    def create_pod(self) -> WorkerPod:
        """A pod of a ReplicaSet: the API server makes up its name."""
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api", "uid": str(uuid4()), "controller": True}
        made = self.request("POST", self.pods, {
            "metadata": {"generateName": "api-6d9f7c4b5d-", "labels": {"app": "worker"}, "ownerReferences": [owner]},
            "spec": SPEC,
        })  # fmt: skip
        return WorkerPod(self, made["metadata"]["name"], made["metadata"]["uid"])

    def create_set_pod(self, name: str) -> WorkerPod:
        """A pod of a StatefulSet: its name is used again."""
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "api", "uid": str(uuid4()), "controller": True}
        made = self.request("POST", self.pods, {
            "metadata": {"name": name, "labels": {"app": "worker"}, "ownerReferences": [owner]}, "spec": SPEC,
        })  # fmt: skip
        return WorkerPod(self, name, made["metadata"]["uid"])

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"


@dataclass(slots=True)
class WorkerPod:
    """A pod with one container, as its kubelet sees it."""

    kubelet: Kubelet
    name: str
    uid: str
    container_id: str = field(default_factory=lambda: f"containerd://{uuid4().hex}")
    started_at: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the downward API writes into the worker's container, as docs/kubernetes.md configures it."""
        return {
            "RIVERKEEPER_POD_NAMESPACE": self.kubelet.namespace,
            "RIVERKEEPER_POD_NAME": self.name,
            "RIVERKEEPER_POD_UID": self.uid,
        }

    def show_running(self) -> None:
        """The container has started just now."""
        self.started_at = moment()
        self._write({"running": {"startedAt": self.started_at}})

    def show_ended(self, reason: str = "OOMKilled", exit_code: int = 137) -> None:
        """The container has ended just now."""
        self._write({"terminated": {
            "startedAt": self.started_at, "finishedAt": moment(), "reason": reason, "exitCode": exit_code,
            "containerID": self.container_id,
        }})  # fmt: skip

    def delete_by_force(self) -> None:
        """The API server forgets the pod at once; no node takes part."""
        self.kubelet.request("DELETE", f"{self.kubelet.pods}/{self.name}", {"gracePeriodSeconds": 0})

    def _write(self, state: Manifest) -> None:
        status = {"name": "worker", "image": "worker", "imageID": "", "ready": "running" in state, "restartCount": 0,
                  "state": state, "containerID": self.container_id}  # fmt: skip
        body = {"status": {"phase": "Running", "containerStatuses": [status]}}
        self.kubelet.request("PATCH", f"{self.kubelet.pods}/{self.name}/status", body)


@contextlib.contextmanager
def worker_in_pod(kubelet: Kubelet, river: River, folder: Path, slots: int = 1) -> Iterator[tuple[WorkerPod, Program]]:
    """A real worker without heartbeats, under its pod's host name.

    In Go with the client id that River makes; the fleet in Rust has to be given one in the form of River for Rust.
    """
    pod = kubelet.create_pod()
    pod.show_running()
    rust_id = f"{pod.name}_{datetime.now(UTC):%Y_%m_%dT%H_%M_%S_%f}_{uuid4().hex[:8]}"
    own = ("-client-id", rust_id) if river.program == "fleet-rust" else ("-rescue-after", "1h")
    command = river.command(
        "work", "-events", str(folder / f"{pod.name}.events"), "-workers", str(slots), "-queues", "default",
        "-stop-after", "1s", *own,
    )  # fmt: skip
    with started(pod.name, [*IN_POD, pod.name, *command], folder) as program:
        program.wait_for("ready")
        yield pod, program


@contextlib.contextmanager
def beating_in_pod(pod: WorkerPod, river: River, folder: Path, slots: int = 1) -> Iterator[Program]:
    """A real worker in Go with heartbeats, in a pod of a StatefulSet, with the variables that name the pod."""
    pod.show_running()
    command = river.command(
        "work", "-events", str(folder / f"{pod.uid}.events"), "-workers", str(slots), "-queues", "default",
        "-beat", "table", "-rescue-after", "1h", "-stop-after", "1s",
    )  # fmt: skip
    with started(pod.uid, [*IN_POD, pod.name, *command], folder, pod.environment) as program:
        program.wait_for("ready")
        yield program


def give_rights(kubelet: Kubelet, kubeconfig: Path, folder: Path) -> Path:
    """A kubeconfig of an account that may get, list and watch the pods of the namespace, and nothing else."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{kubelet.namespace}"
    accounts = f"/api/v1/namespaces/{kubelet.namespace}/serviceaccounts"
    kubelet.request("POST", accounts, {"metadata": {"name": "riverkeeper"}})
    kubelet.request("POST", f"{rbac}/roles", {
        "metadata": {"name": "riverkeeper-pods"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
    })  # fmt: skip
    kubelet.request("POST", f"{rbac}/rolebindings", {
        "metadata": {"name": "riverkeeper-pods"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "riverkeeper-pods"},
        "subjects": [{"kind": "ServiceAccount", "name": "riverkeeper", "namespace": kubelet.namespace}],
    })  # fmt: skip
    token = kubelet.request("POST", f"{accounts}/riverkeeper/token")["status"]["token"]
    document = yaml.safe_load(kubeconfig.read_text("utf-8"))
    document["users"][0]["user"] = {"token": token}
    document["contexts"][0]["context"]["namespace"] = kubelet.namespace
    path = folder / "riverkeeper.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path
