"""What is deployed is well formed: the compose file by compose itself, the manifests by Kubernetes' own schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
NATIVE = "1.34"  # the Kubernetes release whose schemas are used
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.94.1"


class Loader(yaml.SafeLoader):
    """A bare `=` in an enum is YAML 1.1's 'value' tag, which PyYAML cannot construct."""


Loader.yaml_implicit_resolvers = {
    key: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:value"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(path: Path) -> list[dict[str, Any]]:
    return [resource for resource in yaml.load_all(path.read_text(encoding="utf-8"), Loader) if resource]


def test_compose_understands_its_file() -> None:
    """Unknown keys, undefined services and bad ports are found by compose, which needs no engine for that."""
    compose = Path(sys.executable).with_name("docker-compose")
    done = subprocess.run(
        [compose, "-f", ROOT / "docker-compose.yml", "config", "--format", "json"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    for name, service in services.items():
        assert not service.get("privileged"), name
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1", f"{name} is open to the network"
        for mount in service.get("volumes", ()):
            assert mount["type"] == "volume" or mount.get("read_only"), f"{name} may write to {mount['source']}"
            assert mount["type"] == "volume" or Path(mount["source"]).exists(), mount["source"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_kubernetes_understands_its_manifests(path: Path) -> None:
    """Every key exists and every value is of its type, by the schemas of the API server and of the operator."""
    for document in documents(path):
        if document["apiVersion"].startswith("monitoring.coreos.com"):
            jsonschema.validate(document, operator_schema(document["kind"]))
        elif document["kind"] != "Kustomization":
            kubernetes_validate.validate(document, NATIVE, strict=True)


def test_kustomize_builds_them() -> None:
    """What `kubectl apply -k` would send: everything in one namespace, with the image's version."""
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", ROOT / "deploy" / "kubernetes"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    built = [resource for resource in yaml.load_all(done.stdout, Loader) if resource]
    kinds = {resource["kind"] for resource in built}
    assert {"Deployment", "Service", "ServiceMonitor", "PrometheusRule", "ConfigMap", "NetworkPolicy"} <= kinds
    assert {resource["metadata"].get("namespace") for resource in built if resource["kind"] != "Namespace"} == {
        "riverkeeper"
    }


def operator_schema(kind: str) -> dict[str, Any]:
    """The schema of a custom resource, from the operator's own module; unknown keys are refused."""
    done = subprocess.run(["go", "mod", "download", "-json", OPERATOR], check=True, capture_output=True, text=True)
    folder = Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"
    (path,) = folder.glob(f"monitoring.coreos.com_{kind.lower()}s.yaml")
    schema: dict[str, Any] = documents(path)[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    closed: dict[str, Any] = strict(schema)
    return closed


def strict(schema: Any) -> Any:
    """The same schema, closed to keys it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if "properties" in closed and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    if "(?i)" in str(closed.get("pattern", "")):  # Go's way to write flags
        del closed["pattern"]
    if closed.pop("x-kubernetes-int-or-string", False):
        closed["type"] = ["integer", "string"]
        closed.pop("anyOf", None)
    return closed
