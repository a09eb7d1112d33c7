"""Dashboards, and the Kubernetes manifests: the files of deploy/kubernetes with the rules and dashboards in them.

The manifests live in deploy/kubernetes of the repository. The package links that folder as `kubernetes`, and a wheel
holds the files there. Only the two manifests of `_rendered` depend on the configuration.
"""

from __future__ import annotations

import json
from importlib.resources import files
from textwrap import indent

from riverkeeper.assets.alerting import alerting_files
from riverkeeper.config.assets import AssetSettings
from riverkeeper.dashboards import DashboardScope, dashboards

FOLDER = "deploy/kubernetes"
_HEAD = "# Written by `riverkeeper assets` from exporter/riverkeeper/assets. Do not edit: change it by an overlay.\n"
# kube-prometheus-stack selects by the first label; its Grafana loads ConfigMaps that have the second.
STACK = "release: kube-prometheus-stack"
BOARD = 'grafana_dashboard: "1"'
_RULE = f"""apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: riverkeeper
  labels:
    app.kubernetes.io/name: riverkeeper
    {STACK}
spec:
  groups:
"""
_CONFIGMAP = """---
apiVersion: v1
kind: ConfigMap
metadata:
  name: riverkeeper-dashboard-{name}
  labels:
    app.kubernetes.io/name: riverkeeper
    {label}
data:
  riverkeeper-{name}.json: |
{json}
"""


def board_files(assets: AssetSettings) -> dict[str, str]:
    """Classic dashboard JSON, by path."""
    scope = DashboardScope(
        assets.replica_labels,
        assets.keeper_url or "",
        assets.runbooks_url,
        assets.wait_objectives or {},
        assets.loss_objectives or {},
    )
    return {f"dashboards/json/{name}": text for name, text in dashboards(scope).items()}


def manifest_files(assets: AssetSettings) -> dict[str, str]:
    """Everything `kubectl apply -k` needs but the Secret: path -> text."""
    texts = _rendered(assets)
    for file in files("riverkeeper.assets").joinpath("kubernetes").iterdir():
        if file.name.endswith(".yaml") and file.name not in texts:
            texts[file.name] = file.read_text(encoding="utf-8")
    return {f"{FOLDER}/{name}": texts[name] for name in sorted(texts)}


def _rendered(assets: AssetSettings) -> dict[str, str]:
    return {"prometheusrule.yaml": _HEAD + _rule(assets), "dashboards.yaml": _HEAD + _dashboards(assets)}


def _rule(assets: AssetSettings) -> str:
    """The groups of every rule file, in their order; comments between rules stay."""
    groups = [
        text.partition("\ngroups:\n")[2]
        for path, text in alerting_files(assets).items()
        if "\ngroups:\n" in text and path.endswith(".yml")
    ]
    return _RULE + "\n".join(indent(group.strip("\n"), "  ") for group in groups) + "\n"


def _dashboards(assets: AssetSettings) -> str:
    """One ConfigMap for each, its JSON without spaces: `kubectl apply` keeps a copy of at most 256 KiB."""
    return "".join(
        _CONFIGMAP.format(
            name=path.rpartition("/")[2].removesuffix(".json"),
            label=BOARD,
            json=indent(json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")), "    "),
        )
        for path, text in board_files(assets).items()
    )
