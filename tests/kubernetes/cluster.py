"""A real API server with its etcd, for one test run. No kubelet and no controllers: objects stay as they were sent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.programs import free_port, started, tool
from fixtures.waiting import until

TOKEN = "tests-only"
# The oldest that docs/kubernetes.md promises; the schemas of a newer one are in e2e/test_deploy.py.
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.82.0"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What `kubectl` and `helm` need to reach it."""

    kubeconfig: Path

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, check: bool = True) -> str:
        """What it prints, on both channels."""
        program = Path(sys.executable).with_name("kubectl")
        return _run(program, f"--kubeconfig={self.kubeconfig}", *arguments, stdin=stdin, check=check)

    def helm(self, *arguments: str | Path, check: bool = True) -> str:
        return _run(tool("helm"), f"--kubeconfig={self.kubeconfig}", *arguments, check=check)

    def shell(self, script: str) -> str:
        """Run commands as an operator would, whose kubectl and helm reach this cluster."""
        path = os.pathsep.join([str(Path(sys.executable).parent), str(tool("helm").parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-ec", script],
            env=os.environ | {"PATH": path, "KUBECONFIG": str(self.kubeconfig)},
            check=False, text=True, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def get(self, kind: str, namespace: str) -> dict[str, dict[str, Any]]:
        """Name -> object."""
        listed = json.loads(self.kubectl("get", kind, "--namespace", namespace, "--output=json"))
        return {item["metadata"]["name"]: item for item in listed["items"]}

    def everything(self, namespace: str) -> dict[str, str]:
        """kind/name -> its version in the store, of every object that the server has in a namespace."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        readable = [kind for kind in kinds if not kind.startswith("events")]
        listed = json.loads(self.kubectl("get", ",".join(readable), "--namespace", namespace, "--output=json"))
        return {
            f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for item in listed["items"]
        }


def _run(*arguments: str | Path, stdin: str | None = None, check: bool = True) -> str:
    command = [str(part) for part in arguments]
    done = subprocess.run(command, check=False, input=stdin, text=True, capture_output=True)
    assert not check or done.returncode == 0, f"{command[0]} {command[2]}:\n{done.stdout}{done.stderr}"
    assert check or done.returncode != 0, f"{command[0]} {command[2]} should have failed"
    return done.stdout if check else done.stdout + done.stderr


@contextlib.contextmanager
def cluster_at_work(folder: Path) -> Iterator[Cluster]:
    """With the kinds of prometheus-operator; gone afterwards."""
    etcd, peer, port = free_port(), free_port(), free_port()
    (folder / "tokens").write_text(f"{TOKEN},admin,admin,system:masters\n")
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    store: list[str | Path] = [
        tool("etcd"), f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{etcd}", f"--advertise-client-urls=http://127.0.0.1:{etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    ]  # fmt: skip
    server: list[str | Path] = [
        tool("kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd}", f"--secure-port={port}",
        "--bind-address=127.0.0.1", f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={folder / 'tokens'}",
        "--authorization-mode=RBAC", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.0.0.0/24",
    ]  # fmt: skip
    with started("etcd", store, folder), started("kube-apiserver", server, folder) as api:
        cluster = Cluster(_kubeconfig(folder, port))
        until(lambda: api.lives() and _is_ready(cluster), "the API server to be ready")
        cluster.kubectl("apply", "--server-side", *(f"--filename={path}" for path in operator_kinds()))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield cluster


def _kubeconfig(folder: Path, port: int) -> Path:
    server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "tests",
                "clusters": [{"name": "tests", "cluster": server}],
                "users": [{"name": "tests", "user": {"token": TOKEN}}],
                "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            }
        )
    )
    path.chmod(0o600)  # Helm warns of others' rights
    return path


def _is_ready(cluster: Cluster) -> bool:
    try:
        return cluster.kubectl("get", "--raw=/readyz") == "ok"
    except AssertionError:
        return False


def operator_kinds() -> list[Path]:
    """The definitions of ServiceMonitor and PrometheusRule, from the operator's own module."""
    done = subprocess.run(["go", "mod", "download", "-json", OPERATOR], check=True, capture_output=True, text=True)
    folder = Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"
    return [folder / f"monitoring.coreos.com_{kind}.yaml" for kind in ("servicemonitors", "prometheusrules")]
