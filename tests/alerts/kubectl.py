"""Is a kubectl line of a runbook one that works with the manifests that ship? Its form, and every name in it."""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any

import yaml

from alerts.rulebook import ROOT

WORKERS = "WORKERS"  # a namespace of others, whose Deployment is DEPLOYMENT
FLAGS = {
    "get": ("-o", "--sort-by"),
    "top": (),
    "describe": (),
    "logs": ("-c", "--tail", "--previous"),
    "rollout": (),
    "scale": ("--replicas",),
    "exec": ("-c",),
}
LISTED = {"pods", "deploy", "events"}


@cache
def manifests() -> dict[str, dict[str, Any]]:
    """kind -> name -> manifest, of deploy/kubernetes."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            name = manifest.get("metadata", {}).get("name", "")
            found.setdefault(manifest["kind"].lower(), {})[name] = manifest
    return found


def refuse_unknown(line: str) -> None:
    """Raises AssertionError for a verb, a flag or a name that is not there."""
    program, flag, namespace, verb, *words = shlex.split(line.partition(" -- ")[0])
    assert (program, flag) == ("kubectl", "-n"), line
    assert namespace == WORKERS or namespace in manifests()["namespace"], line
    assert verb in FLAGS, line
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    assert set(given) <= set(FLAGS[verb]), line
    values = {words[at + 1] for at, word in enumerate(words) if word in {"-c", "-o"}}
    names = [word for word in words if not word.startswith("-") and word not in values - {"riverkeeper"}]
    if verb == "rollout":
        assert names.pop(0) in {"restart", "undo", "status"}, line
    _refuse_names(line, namespace, verb, names)
    if "-c" in words:
        assert words[words.index("-c") + 1] in _containers(), line


def _refuse_names(line: str, namespace: str, verb: str, names: list[str]) -> None:
    kind, _, name = names[0].partition("/")
    if verb in {"get", "top"}:
        assert kind in LISTED or names[1] in manifests()[kind], line
    else:
        deployments = {"DEPLOYMENT"} if namespace == WORKERS else manifests()["deployment"].keys()
        assert kind == "deploy", line
        assert name in deployments, line


def _containers() -> set[str]:
    spec = manifests()["deployment"]["riverkeeper"]["spec"]["template"]["spec"]
    return {container["name"] for container in spec["containers"]}
