"""Parses River's client ids: which runtime made one, on which host, and whether the client has a successor. Pure.

Each runtime names a client in its own form, unless the user names it. A client with another one in its place, and that
has claimed no job since the other one began, may be gone. Or it is busy, with every slot taken, beside a second
process. So this is never more than a suspicion.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise


class Runtime(StrEnum):
    """A language in which workers run. JavaScript and Python have no known form of client ids."""

    GO = "go"
    RUST = "rust"
    RUBY = "ruby"
    JAVA = "java"
    JAVASCRIPT = "javascript"
    PYTHON = "python"

    @property
    def claims_by_own_clock(self) -> bool:
        """Whether it writes attempted_at by the clock of the worker's host, and not by the database's."""
        return self in {Runtime.RUBY, Runtime.JAVA}


# Heartbeat clients of a runtime without a known form of its ids, whose River guards results as Java's does.
_GUARDED = frozenset({"riverbeat-js"})
# Heartbeat clients that run in one runtime only, whatever name the user gave the client.
_OF_RUNTIME = {"riverbeat-go": Runtime.GO, "riverbeat-rust": Runtime.RUST, "riverbeat-js": Runtime.JAVASCRIPT}


def software_name(software: str) -> str:
    """`riverbeat-js` of `riverbeat-js/0.1.0`, and of `riverbeat-js 0.1.0`."""
    return re.split("[ /]", software, maxsplit=1)[0]


def drops_late_results(client_id: str | None, software: str | None) -> bool:
    """Whether River itself writes a result of the client only while the attempt is still the one that was worked on.

    By the form of the id, else by the heartbeat client. Then it needs no token, and no trigger.
    """
    known = parse_client_id(client_id) if client_id is not None else None
    if known is not None:
        return known.runtime is Runtime.JAVA
    return software is not None and software_name(software) in _GUARDED


@dataclass(frozen=True, slots=True)
class ClientId:
    """What a client id in the form of a runtime holds; None: the form does not have it."""

    runtime: Runtime
    host: str | None = None  # or pod
    started_at: float | None = None  # Unix seconds, the clock of the host
    pid: int | None = None


def runtime_of(client_id: str, software: str) -> Runtime | None:
    """The runtime of a client, by its heartbeat client, else by the form of its id. None: neither shows it.

    The Python heartbeat client also works for workers with an id in another form, so the id counts before it.
    """
    name = software_name(software)
    if name in _OF_RUNTIME:
        return _OF_RUNTIME[name]
    known = parse_client_id(client_id)
    if known is not None:
        return known.runtime
    return Runtime.PYTHON if name == "riverkeeper-python" else None


@dataclass(frozen=True, slots=True)
class ClaimTimes:
    """attempted_at of the oldest and the newest known claim of a client; None: neither is known."""

    first: float | None
    last: float | None

    def after(self, earlier: ClaimTimes | None) -> ClaimTimes:
        """These claims, and what was known before: older claims drop out of what can be read."""
        if earlier is None or earlier.first is None or self.first is None:
            return self
        return ClaimTimes(min(earlier.first, self.first), self.last)


_JAVA = "java-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FORM = re.compile(
    r"(?P<host>.+)_(?P<start>\d{4}_\d{2}_\d{2}T\d{2}_\d{2}_\d{2}_\d{6})(?P<rust>_[0-9a-f]{8})?"
    rf"|(?P<java>{_JAVA})|(?P<ruby>.+)-(?P<pid>\d{{1,10}})-[0-9a-f]{{12}}",
    re.ASCII | re.DOTALL,
)
OWN_CLOCK_IDS = f"^({_JAVA}|.+-[0-9]{{1,10}}-[0-9a-f]{{12}})$"  # Runtime.claims_by_own_clock, for statements
# What follows the host in a client id of Go, Rust or Ruby, for statements.
ID_AFTER_HOST = "^(_[0-9]{4}(_[0-9]{2}){2}T[0-9]{2}(_[0-9]{2}){2}_[0-9]{6}(_[0-9a-f]{8})?|-[0-9]{1,10}-[0-9a-f]{12})$"
# How Kubernetes ends the name of a pod of a Deployment, a DaemonSet or a Job; it leaves out vowels, and 0, 1 and 3.
_POD = re.compile(r".+-[bcdfghjklmnpqrstvwxz2456789]{5}", re.ASCII | re.DOTALL)
_KEPT = 20_000  # names that stay parsed: more than the processes of a large fleet; a thousand jobs have one name


@lru_cache(_KEPT)
def parse_client_id(client_id: str) -> ClientId | None:
    """A name such as `web-7d9f_2026_08_07T14_32_57_123456`, read; None for a name in no form that is known."""
    match = _FORM.fullmatch(client_id)
    if match is None:
        return None
    if match["java"]:
        return ClientId(Runtime.JAVA)
    if match["ruby"]:
        return ClientId(Runtime.RUBY, match["ruby"], pid=int(match["pid"]))
    try:
        start = datetime.strptime(match["start"], "%Y_%m_%dT%H_%M_%S_%f").replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None
    return ClientId(Runtime.RUST if match["rust"] else Runtime.GO, match["host"], start.timestamp())


def is_pod(host: str) -> bool:
    """Whether a host has the name of a pod of a Deployment, a DaemonSet or a Job; that of a StatefulSet has no form."""
    return _POD.fullmatch(host) is not None


def find_succeeded(claims: Mapping[str, ClaimTimes]) -> dict[str, float]:
    """Client -> since when it has a successor, of those that have claimed nothing since.

    Where the id has the start of the process, the next one on the same host is the successor. Where it has the process
    id, a client with the same one that first claimed later: two processes of one host cannot have it at once, and a
    container that is started again has it again. Elsewhere nothing is known.
    """
    places: defaultdict[tuple[Runtime, str, int | None], list[tuple[ClientId, str]]] = defaultdict(list)
    for name in claims:
        found = parse_client_id(name)
        if found is not None and found.host is not None:
            places[found.runtime, found.host, found.pid].append((found, name))
    since: dict[str, float] = {}
    for clients in places.values():
        for name, began_at in _successions([(_began_at(each, claims[name]), name) for each, name in clients]):
            last = claims[name].last
            if last is not None and last < began_at:
                since[name] = began_at
    return since


def _began_at(client: ClientId, claims: ClaimTimes) -> float | None:
    """When a client began at the latest. Its first claim is the bound for a host whose clock is ahead."""
    return min((moment for moment in (client.started_at, claims.first) if moment is not None), default=None)


def _successions(clients: Sequence[tuple[float | None, str]]) -> Iterator[tuple[str, float]]:
    """Each client of one place with the moment when the next one began."""
    known = sorted((began_at, name) for began_at, name in clients if began_at is not None)
    for (began_at, name), (next_began_at, _) in pairwise(known):
        if began_at < next_began_at:
            yield name, next_began_at
