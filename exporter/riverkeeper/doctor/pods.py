"""The findings of `check` about the pods of the workers: whether their statuses can be read."""

from __future__ import annotations

from collections.abc import Iterator

from riverkeeper.config.settings import KubernetesSettings
from riverkeeper.doctor.report import CheckFinding, ok, problem, warning
from riverkeeper.evidence.watcher import EXTRA, OWN, WatchFailed, count_pods

TOPIC = "kubernetes"
RIGHTS = "docs/kubernetes.md#proof-from-pods has the Role, and the Helm value config.kubernetes makes it"
ADDRESS = (
    "is it in the cluster, with automountServiceAccountToken: true, and does the NetworkPolicy let it reach the API "
    "server? Else set kubernetes.kubeconfig"
)


def findings(settings: KubernetesSettings) -> Iterator[CheckFinding]:
    """One for each namespace, by a page of its pods; none where pods are not watched."""
    if not settings.enabled:
        return
    for namespace in settings.namespaces or (OWN,):
        yield _examine(settings, namespace)


def _examine(settings: KubernetesSettings, asked: str) -> CheckFinding:
    named = f"the pods of namespace {asked}" if asked else "the pods of Riverkeeper's own namespace"
    try:
        namespace, pods = count_pods(settings, asked)
    except WatchFailed as failed:
        message = f"{named} cannot be listed: {failed}. No worker is proven dead"
        return problem(TOPIC, message, _fix(str(failed)))
    named = f"the pods of namespace {namespace}"
    if pods:
        return ok(TOPIC, f"{named} can be listed: a worker whose container ends is proven dead")
    selected = "" if settings.label_selector is None else f" with the labels {settings.label_selector}"
    return warning(
        TOPIC, f"namespace {namespace} has no pod{selected}", "correct kubernetes.namespaces or label_selector"
    )


def _fix(failure: str) -> str:
    if failure == EXTRA:
        return "pip install 'riverkeeper[kubernetes]'"
    return RIGHTS if "answers 40" in failure else ADDRESS
