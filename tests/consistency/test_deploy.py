"""What is deployed fits together: configurations that load, services that come back, secrets that nobody else reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from consistency.tree import ROOT, named
from riverkeeper import __version__
from riverkeeper.assets.manifests import manifest_files
from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.config.problem import ConfigErrors

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
IMAGE = "ghcr.io/riverkeeper/riverkeeper"  # as .github/workflows/release.yml publishes it
ONE_SHOT = {"files", "migrate", "keeper-schema"}  # end when their work is done
FLEET = {"worker", "worker-2"}  # serve nothing that could be probed: their heartbeats say how they are


def configurations() -> dict[str, str]:
    """By the file they are in: the compose demo's, and that of the Kubernetes manifests."""
    compose = ROOT / "deploy" / "compose" / "riverkeeper.yml"
    return {"compose": compose.read_text(encoding="utf-8"), "kubernetes": manifest("config")["data"]["riverkeeper.yml"]}


def manifest(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "kubernetes" / f"{name}.yaml").read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", ["compose", "kubernetes"])
def test_what_is_deployed_can_be_loaded(name: str, tmp_path: Path) -> None:
    """Nothing is wrong with it but that its secrets are mounted elsewhere."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(configurations()[name])

    with pytest.raises(ConfigErrors) as refused:
        load(file, {}, Options())

    (problem,) = str(refused.value).splitlines()
    assert "url_file" in problem


def test_the_schema_job_loads_the_configuration_without_its_secrets(tmp_path: Path) -> None:
    """The Job mounts the configuration, which may name River's schema, and has the owner's URL in its environment."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(configurations()["kubernetes"].replace("database:\n", "database:\n  river_schema: jobs\n"))

    config = load(file, {"RIVERKEEPER_DATABASE_URL": "postgresql://owner@db.example/app"}, Options())

    assert config.database.river_schema == "jobs"
    assert "owner@db.example" in config.conninfo.reveal()


def test_every_service_of_the_demo_restarts_and_has_a_health_check() -> None:
    """A service that ends is started again; one that serves anything has a health check of its own.

    In the compose file: an image built in another format loses the check that its Dockerfile names.
    """
    running = {name: service for name, service in COMPOSE["services"].items() if name not in ONE_SHOT}

    assert [name for name, service in running.items() if service.get("restart") != "unless-stopped"] == []
    assert [name for name, service in running.items() if name not in FLEET and "healthcheck" not in service] == []


def test_no_service_reads_the_clone() -> None:
    """But the one that copies: a clone made with umask 077 is readable to its owner, and services are other users."""
    clones = {
        name
        for name, service in COMPOSE["services"].items()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    }

    assert clones == {"files"}
    assert "secrets" not in COMPOSE, "a secret from a file is a mount of the clone too"


@pytest.mark.parametrize("path", ["Dockerfile", "tests/e2e/fleet/Dockerfile"])
def test_no_dockerfile_pulls_a_front_end(path: str) -> None:
    """A `# syntax=` line makes BuildKit pull an image that nothing here needs, and fail where there is no registry."""
    assert "syntax=" not in (ROOT / path).read_text(encoding="utf-8")


def test_mounted_secrets_are_read_by_riverkeeper_s_group_alone() -> None:
    """Kubernetes gives them to the group of `fsGroup`; by default it lets everybody in the pod read them."""
    pod = manifest("deployment")["spec"]["template"]["spec"]
    modes = [volume["projected"].get("defaultMode") for volume in pod["volumes"] if "projected" in volume]

    assert modes == [0o440]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_no_pod_that_serves_has_the_owner_s_login() -> None:
    """The owner of River's tables may do anything with them: only the schema Job has that login."""
    deployment = (DEPLOY / "kubernetes" / "deployment.yaml").read_text(encoding="utf-8")

    assert "owner-url" not in deployment
    assert "envFrom" not in deployment


def test_the_manifests_name_this_release() -> None:
    """A Job cannot be changed: `kubectl apply` fails where a new image comes under the name of the last release."""
    job = manifest("schema-job")

    assert manifest("kustomization")["images"][0] == {"name": "riverkeeper", "newName": IMAGE, "newTag": __version__}
    assert job["metadata"]["name"] == f"riverkeeper-schema-{re.sub('[^a-z0-9]+', '-', __version__)}"
    assert "ttlSecondsAfterFinished" not in job["spec"], "applied again, it would run again"


def test_assets_writes_the_manifests_of_deploy() -> None:
    """Each file of deploy/kubernetes, and no other."""
    written = manifest_files(AssetSettings())

    assert written == {named(path): path.read_text(encoding="utf-8") for path in (DEPLOY / "kubernetes").iterdir()}
