"""The Helm chart, by Helm itself: it renders what kustomize builds, and each value changes what it names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from e2e.programs import tool
from e2e.test_deploy import NATIVE, Loader, operator_schema

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "riverkeeper"
Documents = dict[tuple[str, str], dict[str, Any]]
ANNOTATIONS = ("checksum/config",)
EMPTY: tuple[tuple[str, Any], ...] = (
    ("annotations", {}),
    ("matchLabels", {}),
)  # what is left where only the chart's own was in it
READERS: dict[str, Callable[[str], Any]] = {".yml": yaml.safe_load, ".json": json.loads}
INSTANCE = "app.kubernetes.io/instance"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in arguments], check=False, capture_output=True, text=True)


def documents(text: str) -> Documents:
    """(kind, name) -> document."""
    found = [document for document in yaml.load_all(text, Loader) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


def template(*arguments: str, release: str = "riverkeeper") -> Documents:
    done = run(tool("helm"), "template", release, CHART, "--namespace", "riverkeeper", *arguments)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


@pytest.fixture(scope="module")
def rendered() -> Documents:
    return template()


def plain(value: Any) -> Any:
    """Without what only the chart has: the label of the release, its namespace, and the chart's own annotations.

    A file in a ConfigMap counts by what it holds, not by how it is laid out.
    """
    if isinstance(value, dict):
        kept = {
            key: READERS[suffix](child) if (suffix := Path(key).suffix) in READERS else plain(child)
            for key, child in value.items()
            if key not in (INSTANCE, "namespace", *ANNOTATIONS)
        }
        return {key: child for key, child in kept.items() if (key, child) not in EMPTY}
    return [plain(child) for child in value] if isinstance(value, list) else value


def test_helm_finds_no_fault() -> None:
    """`helm lint --strict` fails on a warning too."""
    done = run(tool("helm"), "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_chart_renders_what_kustomize_builds(rendered: Documents) -> None:
    """Same resources, same values; the schema Job has another name, by what it does."""
    built = documents(
        run(Path(sys.executable).with_name("kubectl"), "kustomize", ROOT / "deploy" / "kubernetes").stdout
    )
    built.pop(("Namespace", "riverkeeper"))
    for each in (built, rendered):
        rename_job(each)
        # Prometheus gives no meaning to the order of groups
        each[("PrometheusRule", "riverkeeper")]["spec"]["groups"].sort(key=lambda group: group["name"])
    assert built.keys() == rendered.keys()
    for key, expected in built.items():
        assert plain(rendered[key]) == plain(expected), key


def rename_job(documents: Documents) -> None:
    [job] = [key for key in documents if key[0] == "Job"]
    documents["Job", "schema"] = documents.pop(job)
    documents["Job", "schema"]["metadata"]["name"] = "schema"


def job_name(*arguments: str, release: str = "riverkeeper") -> str:
    [name] = [name for kind, name in template(*arguments, release=release) if kind == "Job"]
    return name


@pytest.mark.parametrize(
    "value",
    ["image.tag=0.2.0", "image.repository=mirror", "logins.workers=app", "secretName=other",
     "config.database.river_schema=jobs", "pod.priorityClassName=high"],
)  # fmt: skip
def test_what_changes_the_job_gives_it_another_name(value: str) -> None:
    """Kubernetes refuses to change a Job: an upgrade would fail."""
    assert job_name("--set", value) != job_name()


@pytest.mark.parametrize("value", ["replicas=3", "config.rescue.mode=live", "monitoring.labels.release=mine"])
def test_what_does_not_concern_the_schema_runs_no_job(value: str) -> None:
    """A Job needs the owner's login, which is not there at most times."""
    assert job_name("--set", value) == job_name()


def test_names_of_jobs_are_short_enough() -> None:
    """Kubernetes copies the name of a Job into a label, which has 63 characters; Helm allows 53 for a release."""
    assert len(job_name(release="r" * 53)) <= 63


def test_kubernetes_understands_every_document(rendered: Documents) -> None:
    """By the schemas of the API server, and of the operator for its own kinds."""
    for document in rendered.values():
        if document["apiVersion"].startswith("monitoring.coreos.com"):
            jsonschema.validate(document, operator_schema(document["kind"]))
        else:
            kubernetes_validate.validate(document, NATIVE, strict=True)


def test_two_releases_do_not_select_each_other() -> None:
    """Every selector has the label of the release, so that one Service never serves the other's pods."""
    for document in template(release="orders").values():
        for selector in selectors(document):
            assert selector.get(INSTANCE) == "orders", document["kind"]


def selectors(value: Any) -> list[dict[str, str]]:
    found = []
    if isinstance(value, dict):
        for key, child in value.items():
            inner = isinstance(child, dict) and {"matchLabels", "matchExpressions"} & child.keys()
            if key in ("matchLabels", "selector") and not inner and "kubernetes.io/metadata.name" not in child:
                found.append(child)
            else:
                found += selectors(child)
    elif isinstance(value, list):
        found = [selector for child in value for selector in selectors(child)]
    return found


@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("schemaJob", {"Job"}),
        ("monitoring.scrape", {"ServiceMonitor"}),
        ("monitoring.rules", {"PrometheusRule"}),
        ("networkPolicy.enabled", {"NetworkPolicy"}),
    ],
)
def test_a_part_is_switched_off_by_its_value(rendered: Documents, value: str, gone: set[str]) -> None:
    """And nothing else goes with it."""
    left = template("--set", f"{value}=false")
    assert {kind for kind, _ in rendered} - {kind for kind, _ in left} == gone


def test_one_replica_lets_its_node_be_drained(rendered: Documents) -> None:
    """A PodDisruptionBudget that asks for one of one replica blocks the drain for ever."""
    left = template("--set", "replicas=1")
    assert {kind for kind, _ in rendered} - {kind for kind, _ in left} == {"PodDisruptionBudget"}


def test_dashboards_are_switched_off(rendered: Documents) -> None:
    """The configuration stays."""
    left = {name for kind, name in template("--set", "monitoring.dashboards=false") if kind == "ConfigMap"}
    assert left == {"riverkeeper"}
    assert len([kind for kind, _ in rendered if kind == "ConfigMap"]) > 1


def test_the_configuration_is_added_to(tmp_path: Path) -> None:
    """A user's `config` is merged: who sets the mode keeps the files of the secrets."""
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"config": {"rescue": {"mode": "live"}, "tiers": {"urgent": {"max_wait": "10s"}}}}))
    config = yaml.safe_load(template("--values", str(values))[("ConfigMap", "riverkeeper")]["data"]["riverkeeper.yml"])
    assert config["rescue"] == {"mode": "live"}
    assert config["tiers"] == {"urgent": {"max_wait": "10s"}}
    assert config["database"] == {"url_file": "/etc/riverkeeper-secrets/database-url"}


def test_the_job_names_the_logins() -> None:
    """Quoted: a login may be named `yes`, or a number."""
    found = template("--set-string", "logins.riverkeeper=yes,logins.workers=007")
    [job] = [each for key, each in found.items() if key[0] == "Job"]
    [container] = job["spec"]["template"]["spec"]["containers"]

    assert container["args"] == ["schema", "install", "--role", "rescuer", "--login", "yes", "--workers", "007"]


def test_the_pods_take_what_is_added(rendered: Documents) -> None:
    """Both kinds of pod: a private registry and tainted nodes concern the Job too."""
    found = template("--set", "pod.imagePullSecrets[0].name=mirror", "--set", "pod.nodeSelector.disk=ssd")
    pods = [each["spec"]["template"]["spec"] for key, each in found.items() if key[0] in ("Deployment", "Job")]
    assert len(pods) == 2
    for pod in pods:
        assert pod["imagePullSecrets"] == [{"name": "mirror"}]
        assert pod["nodeSelector"] == {"disk": "ssd"}


def test_a_new_configuration_rolls_the_pods() -> None:
    """The pods carry its checksum."""

    def checksum(*arguments: str) -> str:
        found = template(*arguments)[("Deployment", "riverkeeper")]["spec"]["template"]["metadata"]["annotations"]
        return str(found["checksum/config"])

    assert checksum() != checksum("--set", "config.rescue.mode=live")


@pytest.mark.parametrize(
    "value", ["replica=3", "replicas=0", "image.tag=1", "networkPolicy.enabled=maybe", "pod.hostNetwork=true"]
)
def test_a_wrong_value_is_refused(value: str) -> None:
    """By name: a misspelt value would be ignored in silence."""
    done = run(tool("helm"), "template", "riverkeeper", CHART, "--set", value)
    assert done.returncode != 0
    assert value.partition("=")[0].rpartition(".")[2] in done.stderr


def test_there_are_at_most_ten_values() -> None:
    """An ordinary shop reads them in a minute."""
    assert len(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))) <= 10
