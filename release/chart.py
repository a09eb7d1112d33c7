"""The Helm chart's templates: the manifests of deploy/kubernetes, with values where a shop differs.

A substitution names the text of the manifest; where the text is gone or doubled, rendering fails. So the chart cannot
fall behind the manifests. `Chart.yaml`, `values.yaml` and `NOTES.txt` in deploy/helm/riverkeeper are written by hand;
`rules` and `dashboards` there are links to alerts/ and dashboards/json, which Helm follows.

`make generate` runs this file. It is not part of the wheel: the chart is published whole, and no user renders it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from riverkeeper.generate import write_whole

ROOT = Path(__file__).parents[1]
FOLDER = "deploy/helm/riverkeeper"
DOCUMENT = "docs/kubernetes.md"
_TABLE_BEGINS = "<!-- values: written by `make generate` from values.yaml -->"
_TABLE_ENDS = "<!-- end of values -->"
_HEAD = "{{- /* Written by `make generate` (release/chart.py) from deploy/kubernetes. Do not edit. */ -}}\n"
_NAME = "{{ .Release.Name }}"
_LABELS = "{app.kubernetes.io/name: riverkeeper}"
_OWN_LABELS = "{app.kubernetes.io/name: riverkeeper, app.kubernetes.io/instance: {{ .Release.Name }}}"
_STACK = "    release: kube-prometheus-stack\n"
_OWN_STACK = "{{- with .Values.monitoring.labels }}\n{{ toYaml . | indent 4 }}\n{{- end }}\n"
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
    """A manifest, what changes in it, and when the chart has it."""

    manifest: str
    changes: Sequence[Change]
    condition: str = ""


# A Job cannot be changed: what would change it gives it another name. `database` names River's schema.
_JOB_VALUES = "image", "secretName", "logins", "pod", "config.database"
_JOB_INPUTS = " ".join((".Release.Name .Chart.Version", *(f".Values.{name}" for name in _JOB_VALUES)))
_JOB_NAME = f"{{{{ .Release.Name | trunc 44 }}}}-schema-{{{{ list {_JOB_INPUTS} | toJson | sha256sum | trunc 8 }}}}"
_LOGINS = (
    '{{ with .Values.logins.riverkeeper }}, "--role", "rescuer", "--login", {{ quote . }}{{ end }}'
    '{{ with .Values.logins.workers }}, "--workers", {{ quote . }}{{ end }}'
)
_POD = "{{- with .Values.pod }}\n{{ toYaml . | indent 6 }}\n{{- end }}\n"

_WATCHES_PODS = 'dig "kubernetes" "enabled" false .Values.config'
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
    Change("      serviceAccountName: riverkeeper\n", f"{_POD}      serviceAccountName: {_NAME}\n"),
    Change("automountServiceAccountToken: false", f"automountServiceAccountToken: {{{{ {_WATCHES_PODS} }}}}"),
    Change(_IMAGE, _OWN_IMAGE),
    Change(_RESOURCES, "          resources:\n{{ toYaml .Values.resources | indent 12 }}\n"),
    Change("configMap: {name: riverkeeper}", f"configMap: {{name: {_NAME}}}"),
    Change("                  name: riverkeeper\n", "                  name: {{ .Values.secretName }}\n", 2),
)
_SCHEMA_JOB = (
    Change("riverkeeper-schema-0-1-0   # a Job cannot be changed: each release has its own", _JOB_NAME),
    Change(
        "{app.kubernetes.io/name: riverkeeper-schema}",
        "{app.kubernetes.io/name: riverkeeper-schema, app.kubernetes.io/instance: {{ .Release.Name }}}",
        2,
    ),
    Change("      serviceAccountName: riverkeeper\n", f"{_POD}      serviceAccountName: {_NAME}\n"),
    Change(_IMAGE, _OWN_IMAGE),
    Change('["schema", "install"]', f'["schema", "install"{_LOGINS}]'),
    Change(
        "secretKeyRef: {name: riverkeeper, key: owner-url}",
        "secretKeyRef: {name: {{ .Values.secretName }}, key: owner-url}",
    ),
    Change("configMap: {name: riverkeeper}", f"configMap: {{name: {_NAME}}}"),
    Change("secretName: riverkeeper,", "secretName: {{ .Values.secretName }},"),
)
_API_PORTS = (
    f"{{{{- if {_WATCHES_PODS} }}}}\n{{{{- range .Values.networkPolicy.apiPorts }}}}\n"
    "        - {protocol: TCP, port: {{ . }}}\n{{- end }}\n{{- end }}\n"
)
_NETWORK_POLICY = (
    _RESOURCE_NAME,
    Change(
        "    matchExpressions:\n",
        "    matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}\n    matchExpressions:\n",
    ),
    Change("metadata.name: monitoring}", "metadata.name: {{ .Values.networkPolicy.prometheusNamespace }}}"),
    Change("port: 5432}\n", "port: {{ .Values.networkPolicy.databasePort }}}\n" + _API_PORTS),
)
_MONITOR = (
    _RESOURCE_NAME,
    Change(_ONE_LABEL, _BOTH_LABELS),
    Change(_STACK, _OWN_STACK),
    Change(_LABELS, _OWN_LABELS),
)
TEMPLATES = (
    Template("serviceaccount.yaml", (_RESOURCE_NAME,)),
    Template("schema-job.yaml", _SCHEMA_JOB, ".Values.schemaJob"),
    Template("deployment.yaml", _DEPLOYMENT),
    Template("service.yaml", (_RESOURCE_NAME, Change(_LABELS, _OWN_LABELS, 2))),
    # With one replica it would keep a node from being drained, for ever.
    Template("poddisruptionbudget.yaml", (_RESOURCE_NAME, Change(_LABELS, _OWN_LABELS)), "gt (int .Values.replicas) 1"),
    Template("networkpolicy.yaml", _NETWORK_POLICY, ".Values.networkPolicy.enabled"),
    Template("servicemonitor.yaml", _MONITOR, ".Values.monitoring.scrape"),
)
_CONFIG = f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: {_NAME}
data:
  riverkeeper.yml: |
{{{{ toYaml .Values.config | indent 4 }}}}
"""
_PODS = """{{- if dig "kubernetes" "enabled" false .Values.config }}
{{- range dig "kubernetes" "namespaces" list .Values.config | default (list .Release.Namespace) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $.Release.Name }}-pods
  namespace: {{ . }}
  labels:
    app.kubernetes.io/name: riverkeeper
    app.kubernetes.io/instance: {{ $.Release.Name }}
rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $.Release.Name }}-pods
  namespace: {{ . }}
  labels:
    app.kubernetes.io/name: riverkeeper
    app.kubernetes.io/instance: {{ $.Release.Name }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $.Release.Name }}-pods}
subjects:
  - {kind: ServiceAccount, name: {{ $.Release.Name }}, namespace: {{ $.Release.Namespace }}}
{{- end }}
{{- end }}
"""
_RULES = f"""{{{{- if .Values.monitoring.rules }}}}
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
_DASHBOARDS = """{{- if .Values.monitoring.dashboards }}
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
    made |= {"config.yaml": _CONFIG, "prometheusrule.yaml": _RULES, "dashboards.yaml": _DASHBOARDS, "pods.yaml": _PODS}
    return {f"{FOLDER}/templates/{name}": _HEAD + text for name, text in made.items()}


def _write(template: Template) -> str:
    text = (ROOT / "deploy" / "kubernetes" / template.manifest).read_text(encoding="utf-8")
    for change in template.changes:
        if (found := text.count(change.text)) != change.times:
            raise ValueError(f"{template.manifest} has {change.text!r} {found} times, and not {change.times}")
        text = text.replace(change.text, change.instead)
    if template.condition:
        text = f"{{{{- if {template.condition} }}}}\n{text}{{{{- end }}}}\n"
    return text


def values_table() -> str:
    """Every value for docs/kubernetes.md, with its default. The comment above a value describes it."""
    text = (ROOT / FOLDER / "values.yaml").read_text(encoding="utf-8")
    rows = [
        f"| `{path}` | {description} | {_default(text, path)} |" for path, description in _described(text.splitlines())
    ]
    return "\n".join(["| value | what it is | default |", "|---|---|---|", *rows]) + "\n"


def _described(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    path: list[str] = []
    comment: list[str] = []
    for line in lines:
        name, _, _ = line.strip().partition(":")
        if line.strip().startswith("#"):
            comment.append(re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", line.strip().removeprefix("# ")))
            continue
        if line.strip():
            path = [*path[: (len(line) - len(line.lstrip())) // 2], name]
        if line.strip() and comment:
            yield ".".join(path), " ".join(comment)
        comment = []


def _default(text: str, path: str) -> str:
    value = yaml.safe_load(text)
    for name in path.split("."):
        value = value[name]
    if isinstance(value, dict) and len(value) > 2:
        return f"see [values.yaml](../{FOLDER}/values.yaml)"
    if value == "":
        return "empty"
    written = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return f"`{written.strip().removesuffix('...').strip()}`"


def document() -> str:
    """docs/kubernetes.md with the table of values between its two marks."""
    head, _, rest = (ROOT / DOCUMENT).read_text(encoding="utf-8").partition(_TABLE_BEGINS)
    _, _, tail = rest.partition(_TABLE_ENDS)
    return f"{head}{_TABLE_BEGINS}\n{values_table()}{_TABLE_ENDS}{tail}"


def generated() -> Mapping[str, str]:
    return {**chart_files(), DOCUMENT: document()}


if __name__ == "__main__":
    for path, content in generated().items():
        write_whole(ROOT / path, content)
