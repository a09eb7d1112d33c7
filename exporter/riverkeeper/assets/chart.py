"""The Helm chart's templates: the manifests of deploy/kubernetes, with values where a shop differs.

A substitution names the text of the manifest; where the text is gone or doubled, rendering fails. So the chart cannot
fall behind the manifests. `Chart.yaml`, `values.yaml` and `NOTES.txt` in deploy/helm/riverkeeper are written by hand;
`rules` and `dashboards` there are links to alerts/ and dashboards/json, which Helm follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

FOLDER = "deploy/helm/riverkeeper"
_HEAD = "{{- /* Written by `make generate` (riverkeeper/assets/chart.py) from deploy/kubernetes. Do not edit. */ -}}\n"
_NAME = "{{ .Release.Name }}"
_LABELS = "{app.kubernetes.io/name: riverkeeper}"
_OWN_LABELS = "{app.kubernetes.io/name: riverkeeper, app.kubernetes.io/instance: {{ .Release.Name }}}"
_STACK = "    release: kube-prometheus-stack\n"
_OWN_STACK = "{{- with .Values.monitoringLabels }}\n{{ toYaml . | indent 4 }}\n{{- end }}\n"
_ONE_LABEL = "    app.kubernetes.io/name: riverkeeper\n"
_BOTH_LABELS = _ONE_LABEL + "    app.kubernetes.io/instance: {{ .Release.Name }}\n"
_IMAGE = "          image: riverkeeper\n"
_OWN_IMAGE = "          image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\n"


@dataclass(frozen=True, slots=True)
class Change:
    """A text of a manifest, what stands in its place in the chart, and how often it occurs."""

    text: str
    instead: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Template:
    """A manifest, what changes in it, and the value that switches it off."""

    manifest: str
    changes: Sequence[Change]
    condition: str = ""


_RESOURCE_NAME = Change("\n  name: riverkeeper\n", f"\n  name: {_NAME}\n")
_RESOURCES = """          resources:                            # measured: docs/performance.md
            requests: {cpu: 50m, memory: 128Mi}
            limits: {memory: 256Mi}
"""
_DEPLOYMENT = (
    _RESOURCE_NAME,
    Change(_LABELS, _OWN_LABELS, 4),
    Change("  replicas: 2\n", "  replicas: {{ .Values.replicas }}\n"),
    Change(
        f"    metadata:\n      labels: {_OWN_LABELS}\n",
        f"    metadata:\n      labels: {_OWN_LABELS}\n"
        "      annotations: {checksum/config: {{ toYaml .Values.config | sha256sum }}}\n",
    ),
    Change("serviceAccountName: riverkeeper\n", f"serviceAccountName: {_NAME}\n"),
    Change(_IMAGE, _OWN_IMAGE),
    Change(_RESOURCES, "          resources:\n{{ toYaml .Values.resources | indent 12 }}\n"),
    Change("configMap: {name: riverkeeper}", f"configMap: {{name: {_NAME}}}"),
    Change("secretName: riverkeeper\n", "secretName: {{ .Values.secretName }}\n"),
)
_SCHEMA_JOB = (
    Change(
        "  name: riverkeeper-schema-0-1-0   # a Job cannot be changed: each release has its own\n",
        f"  name: {_NAME}-schema\n"
        "  annotations:                     # a Job cannot be changed: an upgrade makes it anew, before the pods\n"
        "    helm.sh/hook: post-install,pre-upgrade\n"
        "    helm.sh/hook-delete-policy: before-hook-creation\n",
    ),
    Change(
        "{app.kubernetes.io/name: riverkeeper-schema}",
        "{app.kubernetes.io/name: riverkeeper-schema, app.kubernetes.io/instance: {{ .Release.Name }}}",
        2,
    ),
    Change("serviceAccountName: riverkeeper\n", f"serviceAccountName: {_NAME}\n"),
    Change(_IMAGE, _OWN_IMAGE, 2),
    Change(
        "secretKeyRef: {name: riverkeeper, key: owner-url}",
        "secretKeyRef: {name: {{ .Values.secretName }}, key: owner-url}",
    ),
    Change("configMap: {name: riverkeeper}", f"configMap: {{name: {_NAME}}}"),
)
_NETWORK_POLICY = (
    _RESOURCE_NAME,
    Change(
        "    matchExpressions:\n",
        "    matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}\n    matchExpressions:\n",
    ),
    Change("metadata.name: monitoring}", "metadata.name: {{ .Values.networkPolicy.prometheusNamespace }}}"),
    Change("port: 5432}", "port: {{ .Values.networkPolicy.databasePort }}}"),
)
_MONITOR = (
    _RESOURCE_NAME,
    Change(_ONE_LABEL, _BOTH_LABELS),
    Change(_STACK, _OWN_STACK),
    Change(_LABELS, _OWN_LABELS),
)
TEMPLATES = (
    Template("serviceaccount.yaml", (_RESOURCE_NAME,)),
    Template("schema-job.yaml", _SCHEMA_JOB, "schemaJob"),
    Template("deployment.yaml", _DEPLOYMENT),
    Template("service.yaml", (_RESOURCE_NAME, Change(_LABELS, _OWN_LABELS, 2))),
    Template("poddisruptionbudget.yaml", (_RESOURCE_NAME, Change(_LABELS, _OWN_LABELS))),
    Template("networkpolicy.yaml", _NETWORK_POLICY, "networkPolicy.enabled"),
    Template("servicemonitor.yaml", _MONITOR, "monitoring"),
)
_CONFIG = f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: {_NAME}
data:
  riverkeeper.yml: |
{{{{ toYaml .Values.config | indent 4 }}}}
"""
_RULES = f"""{{{{- if .Values.monitoring }}}}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {_NAME}
  labels:
{_BOTH_LABELS}{_OWN_STACK}spec:
  groups:
{{{{- range $path, $_ := .Files.Glob "rules/*.yml" }}}}
{{{{- with (fromYaml ($.Files.Get $path)).groups }}}}
{{{{ toYaml . | indent 4 }}}}
{{{{- end }}}}
{{{{- end }}}}
{{{{- end }}}}
"""
_DASHBOARDS = """{{- if .Values.dashboards }}
{{- range $path, $_ := .Files.Glob "dashboards/*.json" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-dashboard-{{ base $path | trimSuffix ".json" }}
  labels:
    app.kubernetes.io/name: riverkeeper
    app.kubernetes.io/instance: {{ $.Release.Name }}
    grafana_dashboard: "1"
data:
  riverkeeper-{{ base $path }}: |
{{ $.Files.Get $path | fromJson | toJson | indent 4 }}
{{- end }}
{{- end }}
"""


def chart_files() -> Mapping[str, str]:
    """Every generated file of the chart: path -> text. Raises ValueError where a manifest and a change disagree."""
    made = {template.manifest: _write(template) for template in TEMPLATES}
    made |= {"config.yaml": _CONFIG, "prometheusrule.yaml": _RULES, "dashboards.yaml": _DASHBOARDS}
    return {f"{FOLDER}/templates/{name}": _HEAD + text for name, text in made.items()}


def _write(template: Template) -> str:
    text = files("riverkeeper.assets").joinpath("kubernetes", template.manifest).read_text(encoding="utf-8")
    for change in template.changes:
        if (found := text.count(change.text)) != change.times:
            raise ValueError(f"{template.manifest} has {change.text!r} {found} times, and not {change.times}")
        text = text.replace(change.text, change.instead)
    if template.condition:
        text = f"{{{{- if .Values.{template.condition} }}}}\n{text}{{{{- end }}}}\n"
    return text
