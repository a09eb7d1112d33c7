"""Lists and watches the pods of a namespace, in a thread of its own, by the Kubernetes API.

A list gives all pods, page by page. A watch then gives each change, from the version of the list on; bookmarks move
that version on where nothing changes. A version that the API server has forgotten (410) means a new list. Whatever
goes wrong, the pods that were seen stay as they were, and `PodEvidence` says that the watch does not work.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import structlog

from riverkeeper.config.settings import KubernetesSettings
from riverkeeper.evidence.pod_evidence import PodEvidence

if TYPE_CHECKING:
    import httpx2

log = structlog.get_logger()

PAGE = 250  # pods; some 3 MB of JSON, the most that is in memory at once
CONNECT_SECONDS = 5.0
LIST_SECONDS = 30.0  # for a page
# A watch ends by itself after this, and the next one goes on from where it ended. So a connection that was cut without
# a word is noticed soon.
WATCH_SECONDS = 60
WATCH_SLACK = 15.0  # what a watch may take longer than that
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # between two tries, doubled after each that failed
EXTRA = "the Kubernetes client is not installed: pip install 'riverkeeper[kubernetes]'"


class WatchFailed(Exception):
    """The API server refused a request, or ended a watch with an error."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired  # the version is too old: list again


MakeClient = Callable[[KubernetesSettings], "tuple[httpx2.Client, str]"]


def connect(settings: KubernetesSettings) -> tuple[httpx2.Client, str]:
    """An HTTP client with the cluster's address and credentials, and the namespace that they name.

    Raises ImportError without the extra, and what the library raises for a configuration that it cannot read.
    """
    import httpx2  # noqa: PLC0415 - only the extra brings these two
    from lightkube.config.client_adapter import Client, ConnectionParams  # noqa: PLC0415
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415

    file = settings.kubeconfig
    found = (KubeConfig.from_service_account() if file is None else KubeConfig.from_file(file)).get()
    if found is None:
        raise ValueError("the kubeconfig names no current context")
    timeout = httpx2.Timeout(LIST_SECONDS, connect=CONNECT_SECONDS)
    return Client(found, ConnectionParams(timeout=timeout)), found.namespace


def count_pods(settings: KubernetesSettings, namespace: str) -> tuple[str, int]:
    """The namespace, and the pods in a first page of it. Raises WatchFailed where they cannot be listed."""
    try:
        client, own = connect(settings)
        with client:
            parameters = _selected({"limit": str(PAGE)}, settings)
            response = client.get(_path(namespace or own), params=parameters)
            _raise_for(response.status_code)
            return namespace or own, len(response.json().get("items") or ())
    except ImportError:
        raise WatchFailed(EXTRA) from None
    except WatchFailed:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        raise WatchFailed(_describe(error)) from None


OWN = ""  # stands for the namespace that the credentials name


class PodWatcher:
    """Watches the pods of one namespace until it is stopped."""

    def __init__(self, settings: KubernetesSettings, namespace: str, evidence: PodEvidence) -> None:
        self._settings = settings
        self._asked = namespace
        self._namespace = namespace
        self._evidence = evidence
        self._client: httpx2.Client | None = None
        self._version: str | None = None  # None: list anew
        self._stopping = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name=f"pods {namespace}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end. It may sit in a read for a minute more: it is a daemon, and only reads."""
        self._stopping.set()

    def list_once(self) -> None:
        """One list and no watch, for a command that judges once. The evidence has the reason where it fails."""
        try:
            client, own = connect(self._settings)
            self._namespace = self._asked or own
            with client:
                self._list(client)
            self._evidence.report(self._asked)
        except ImportError:
            self._evidence.report(self._asked, EXTRA)
        except WatchFailed as failed:
            self._evidence.report(self._asked, str(failed))
        except Exception as error:  # noqa: BLE001 - whatever the library raises
            self._evidence.report(self._asked, _describe(error))

    def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._step()
                wait = FIRST_WAIT
                if time.monotonic() - began > FIRST_WAIT:  # else the API server ends each watch at once
                    continue
            except ImportError:
                self._fail(EXTRA)
                return
            except WatchFailed as failed:
                if failed.expired:
                    self._version = None
                self._fail(str(failed))
            except Exception as error:  # noqa: BLE001 - whatever the library raises
                self._fail(_describe(error))
                self._reconnect()
            self._stopping.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        self._reconnect()

    def _step(self) -> None:
        """One list, or one watch."""
        if self._client is None:
            self._client, own = connect(self._settings)
            self._namespace = self._asked or own
        if self._version is None:
            self._version = self._list(self._client)
            self._succeed()
        self._watch(self._client, self._version)

    def _list(self, client: httpx2.Client) -> str:
        """Every pod, page by page. Returns the version from which a watch goes on."""
        uids, token, version = list[str](), "", ""
        while True:
            parameters = {"limit": str(PAGE), **({"continue": token} if token else {})}
            sent = time.time()
            response = client.get(_path(self._namespace), params=_selected(parameters, self._settings))
            _raise_for(response.status_code)
            self._compare_clock(response.headers.get("Date"), sent)
            page = response.json()
            for manifest in page.get("items") or ():
                self._evidence.update(manifest)
                uids.append(str(manifest["metadata"]["uid"]))
            token, version = str(page["metadata"].get("continue") or ""), str(page["metadata"]["resourceVersion"])
            if not token:
                self._evidence.replace_all(uids, self._namespace)
                return version

    def _watch(self, client: httpx2.Client, version: str) -> None:
        """Each change, until the API server ends the watch."""
        import httpx2  # noqa: PLC0415 - as in `connect`

        parameters = {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS),
            "resourceVersion": version,
        }  # fmt: skip
        patient = httpx2.Timeout(WATCH_SECONDS + WATCH_SLACK, connect=CONNECT_SECONDS)
        sent = time.time()
        selected = _selected(parameters, self._settings)
        with client.stream("GET", _path(self._namespace), params=selected, timeout=patient) as response:
            _raise_for(response.status_code)
            self._compare_clock(response.headers.get("Date"), sent)
            self._succeed()
            for kind, manifest in _events(response.iter_lines()):
                if kind != "BOOKMARK":
                    self._evidence.update(manifest, deleted=kind == "DELETED")
                self._version = str(manifest["metadata"]["resourceVersion"])
                if self._stopping.is_set():
                    return

    def _compare_clock(self, date: str | None, sent: float) -> None:
        """By the header Date, which holds whole seconds; it was written between sending and now."""
        if date is None:
            return
        received = time.time()
        try:
            moment = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        self._evidence.compare_api_clock((sent + received) / 2 - (moment + 0.5), (received - sent) / 2 + 0.5)

    def _succeed(self) -> None:
        if self._failure:
            log.info("pods are watched again", namespace=self._namespace)
        self._failure = ""
        self._evidence.report(self._asked)

    def _fail(self, message: str) -> None:
        if message != self._failure:  # logged once, not at every try
            log.warning(
                "pods are not watched: verdicts rest on heartbeats alone", namespace=self._namespace, why=message
            )
        self._failure = message
        self._evidence.report(self._asked, message)

    def _reconnect(self) -> None:
        """Read the credentials again with the next try: they may have been replaced."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


class PodWatchers:
    """The watchers of all namespaces, and what they have seen."""

    def __init__(self, settings: KubernetesSettings) -> None:
        namespaces = settings.namespaces or (OWN,)
        self.evidence = PodEvidence(namespaces, settings.container)
        self._watchers = [PodWatcher(settings, namespace, self.evidence) for namespace in namespaces]

    def start(self) -> None:
        for watcher in self._watchers:
            watcher.start()

    def stop(self) -> None:
        for watcher in self._watchers:
            watcher.stop()


def list_pods(settings: KubernetesSettings, seconds: float) -> PodEvidence:
    """What the pods show now, by one list of each namespace. Never raises: the evidence has the reason where it fails.

    What is not listed after `seconds` is not waited for: what was listed until then counts, as evidence only adds.
    """
    namespaces = settings.namespaces or (OWN,)
    evidence = PodEvidence(namespaces, settings.container)
    lists = {
        namespace: threading.Thread(target=PodWatcher(settings, namespace, evidence).list_once, daemon=True)
        for namespace in namespaces
    }
    deadline = time.monotonic() + seconds
    for thread in lists.values():
        thread.start()
    for namespace, thread in lists.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            evidence.report(namespace, f"they could not all be listed within {seconds:g} s")
    return evidence


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _selected(parameters: dict[str, str], settings: KubernetesSettings) -> dict[str, str]:
    selector = settings.label_selector
    return parameters if selector is None else {**parameters, "labelSelector": selector}


def _describe(error: Exception) -> str:
    """Its type alone: its text may hold an address or a secret."""
    return f"{type(error).__name__} from the Kubernetes client"


GONE = 410


def _raise_for(status: int) -> None:
    if status == GONE:
        raise WatchFailed("the API server has forgotten the version: the pods are listed again", expired=True)
    if status != 200:
        allowed = " (it needs the rights get, list and watch on pods)" if status in {401, 403} else ""
        raise WatchFailed(f"the API server answers {status}{allowed}")


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(type, object) of each line. Raises WatchFailed for an event of type ERROR."""
    for line in lines:
        event = json.loads(line)
        if event["type"] == "ERROR":
            _raise_for(int(event["object"].get("code") or 500))
            raise WatchFailed("the API server ended the watch with an error", expired=True)
        yield event["type"], event["object"]
