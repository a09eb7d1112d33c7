"""What Kubernetes' own API server accepts, and what an install, an upgrade and an uninstall leave in it.

The server refuses an unknown field, a value of another type, a change of what may not change, and a pod that the
namespace's policy does not admit. Jobs do not run: there is no kubelet.
"""

from __future__ import annotations

import json
import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from e2e.programs import tool
from e2e.test_deploy import Loader
from kubernetes.cluster import Cluster
from kubernetes.conftest import make_secret
from kubernetes.test_chart import CHART, ROOT, run

SWITCHES = (
    "schemaJob", "monitoring.scrape", "monitoring.rules", "monitoring.dashboards", "networkPolicy.enabled",
    "config.kubernetes.enabled",
)  # fmt: skip
RELEASE = "riverkeeper"
OTHER_VALUES = {  # every value that is not a switch
    "image": {"repository": "registry.example:5000/mirror/riverkeeper", "tag": "0.1.1"},
    "replicas": 3,
    "secretName": "other",
    "logins": {"riverkeeper": "keeper", "workers": "app"},
    "config": {"rescue": {"mode": "live"}, "database": {"river_schema": "jobs"}},
    "monitoring": {"labels": {"release": "mine"}},
    "networkPolicy": {"prometheusNamespace": "prometheus", "databasePort": 6432, "apiPorts": [8443]},
    "resources": {"limits": {"memory": "512Mi"}},
    "pod": {
        "imagePullSecrets": [{"name": "mirror"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
}
STRICT = ("apply", "--server-side", "--validate=strict", "--filename=-")


def rendered(namespace: str, *arguments: str) -> str:
    done = run(tool("helm"), "template", RELEASE, CHART, "--namespace", namespace, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.load_all(text, Loader) if document]


def as_arguments(values: dict[str, Any]) -> list[str]:
    return [part for name, value in values.items() for part in ("--set-json", f"{name}={json.dumps(value)}")]


def test_the_manifests_are_accepted_twice(cluster: Cluster) -> None:
    """`kubectl apply -k` with strict validation; applied again, nothing changes."""
    folder = ROOT / "deploy" / "kubernetes"
    apply = ("apply", "--server-side", "--validate=strict", "--kustomize", folder)
    applied = cluster.kubectl(*apply).splitlines()
    before = cluster.everything(RELEASE)
    assert applied == cluster.kubectl(*apply).splitlines()

    assert len(applied) == len(documents(cluster.kubectl("kustomize", folder)))
    assert cluster.everything(RELEASE) == before


def test_every_combination_of_switches_is_accepted(cluster: Cluster, namespace: str) -> None:
    """Also with each other value changed. Each distinct document is sent once."""
    combinations = [
        [part for name, value in zip(SWITCHES, values, strict=True) for part in ("--set", f"{name}={value}")]
        for values in product(("true", "false"), repeat=len(SWITCHES))
    ]
    changed = [as_arguments({name: value}) for name, value in OTHER_VALUES.items()]
    others = [["--set-json", "monitoring.labels=null"], ["--set", "replicas=1"]]
    distinct = {
        json.dumps(document, sort_keys=True): document
        for arguments in (*combinations, *changed, *others)
        for document in documents(rendered(namespace, *arguments))
    }
    text = yaml.safe_dump_all(distinct.values(), allow_unicode=True)

    answered = cluster.kubectl(*STRICT, "--dry-run=server", "--namespace", namespace, stdin=text)

    assert len(answered.splitlines()) == len(distinct)


def test_an_unknown_field_is_refused(cluster: Cluster, namespace: str) -> None:
    """So that the tests above can fail."""
    broken = rendered(namespace).replace("maxUnavailable: 0", "maxUnavailble: 0")

    refused = cluster.kubectl(*STRICT, "--dry-run=server", "--namespace", namespace, stdin=broken, check=False)

    assert "maxUnavailble" in refused


def test_the_strictest_policy_admits_the_pods(cluster: Cluster, namespace: str) -> None:
    """A namespace that enforces `restricted` takes the pods of both templates."""
    install(cluster, namespace)
    for kind in ("deployment", "job"):
        for name, owner in cluster.get(kind, namespace).items():
            template = owner["spec"]["template"]
            template["metadata"].pop("creationTimestamp", None)
            pod = {"apiVersion": "v1", "kind": "Pod", **template}
            pod["metadata"] = {"name": name, "labels": {"app.kubernetes.io/name": kind}}
            cluster.kubectl("create", "--namespace", namespace, "--filename=-", stdin=json.dumps(pod))
            pod["metadata"]["name"] = "root"
            pod["spec"]["securityContext"]["runAsNonRoot"] = False
            refused = cluster.kubectl(
                "create", "--namespace", namespace, "--filename=-", stdin=json.dumps(pod), check=False
            )
            assert "violates PodSecurity" in refused


def install(cluster: Cluster, namespace: str, *arguments: str | Path, release: str = RELEASE) -> str:
    return cluster.helm("install", release, CHART, "--namespace", namespace, *arguments)


def upgrade(cluster: Cluster, namespace: str, *arguments: str, chart: Path = CHART) -> str:
    return cluster.helm("upgrade", RELEASE, chart, "--namespace", namespace, *arguments)


def test_an_upgrade_with_other_values_is_accepted(cluster: Cluster, namespace: str) -> None:
    """Every value changed at once, and back: nothing that may not change is changed. The schema Job is made anew."""
    install(cluster, namespace)
    [first] = cluster.get("job", namespace)
    make_secret(cluster, namespace, "other")
    upgrade(cluster, namespace, *as_arguments(OTHER_VALUES))

    [second] = cluster.get("job", namespace)
    deployment = cluster.get("deployment", namespace)[RELEASE]["spec"]
    assert second != first
    assert deployment["replicas"] == 3
    assert deployment["template"]["spec"]["containers"][0]["image"] == "registry.example:5000/mirror/riverkeeper:0.1.1"
    assert "mode: live" in cluster.get("configmap", namespace)[RELEASE]["data"]["riverkeeper.yml"]

    cluster.helm("rollback", RELEASE, "1", "--namespace", namespace)

    assert list(cluster.get("job", namespace)) == [first]
    assert cluster.get("deployment", namespace)[RELEASE]["spec"]["replicas"] == 2


def test_a_new_release_of_the_chart_runs_the_schema_job_again(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """With an image of its own; and the same release again changes no object."""
    install(cluster, namespace)
    [first] = cluster.get("job", namespace)
    before = without_releases(cluster.everything(namespace))
    upgrade(cluster, namespace)
    assert without_releases(cluster.everything(namespace)) == before

    chart = tmp_path / "riverkeeper"
    shutil.copytree(CHART, chart)
    text = (chart / "Chart.yaml").read_text("utf-8")
    (chart / "Chart.yaml").write_text(text.replace("0.1.0", "0.2.0"))
    upgrade(cluster, namespace, chart=chart)

    [(second, job)] = cluster.get("job", namespace).items()
    assert second != first
    assert job["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":0.2.0")


def without_releases(found: dict[str, str]) -> dict[str, str]:
    """Without Helm's own records, of which each upgrade adds one."""
    return {name: version for name, version in found.items() if "sh.helm.release" not in name}


def test_an_uninstall_leaves_what_was_there_before(cluster: Cluster, namespace: str) -> None:
    """The Secret is the user's, and the keeper schema is in the database, which an uninstall never reaches."""
    before = cluster.everything(namespace)
    install(cluster, namespace)
    upgrade(cluster, namespace, "--set", "image.tag=0.1.1")
    assert len(cluster.everything(namespace)) > len(before)

    cluster.helm("uninstall", RELEASE, "--namespace", namespace)

    assert cluster.everything(namespace) == before


def test_two_rivers_in_one_namespace(cluster: Cluster, namespace: str) -> None:
    """The second release brings no rules and no dashboards, which serve both."""
    make_secret(cluster, namespace, "orders")
    install(cluster, namespace)
    own = ("--set", "secretName=orders", "--set", "monitoring.rules=false", "--set", "monitoring.dashboards=false")
    install(cluster, namespace, *own, release="orders")

    assert set(cluster.get("deployment", namespace)) == {RELEASE, "orders"}
    assert set(cluster.get("servicemonitor", namespace)) == {RELEASE, "orders"}
    assert set(cluster.get("prometheusrule", namespace)) == {RELEASE}
    assert len(cluster.get("job", namespace)) == 2


def test_the_commands_of_the_page_lead_to_a_live_release(cluster: Cluster) -> None:
    """docs/kubernetes.md as it is written, with the chart of this tree, in a namespace of its own.

    The schema Job is deleted on the way, as the page has it: the upgrade makes it anew.
    """
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8").partition("## With kustomize")[0]
    steps = [
        block
        for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        if "riverkeeper schema" not in block
    ]
    secret, install, read, live = steps
    assert "logs" in read  # no pod runs here: there is nothing to read
    (delete,) = re.findall(r"`(kubectl delete job [^`]+)`", page)

    cluster.shell(page_command(secret))
    cluster.shell(page_command(install))
    first = cluster.get("jobs", "newcomer")
    cluster.shell(page_command(delete))
    cluster.shell(page_command(live))

    again = cluster.get("jobs", "newcomer")
    assert again.keys() == first.keys()
    assert [job["metadata"]["uid"] for job in again.values()] != [job["metadata"]["uid"] for job in first.values()]
    [container] = next(iter(again.values()))["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [
        "schema",
        "install",
        "--role",
        "rescuer",
        "--login",
        "riverkeeper",
        "--workers",
        "app_worker",
    ]
    assert yaml.safe_load(cluster.get("configmaps", "newcomer")["riverkeeper"]["data"]["riverkeeper.yml"])[
        "rescue"
    ] == {"mode": "live"}


def page_command(text: str) -> str:
    """With this tree's chart in place of the published one, and the namespace of the test."""
    chart = re.sub(r"oci://\S+ --version \S+", str(CHART), text)
    return re.sub(r"namespace riverkeeper", "namespace newcomer", chart)
