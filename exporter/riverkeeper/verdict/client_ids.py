"""Parses River's client ids: the host (or pod), the start of the process, and whether it has a successor. Pure.

River names a client by its host and the start of its process, unless the user names it. A client whose host runs a
younger one, and that has claimed no job since that one began, may be gone. Or it is busy, with every slot taken, beside
a second process. So this is never more than a suspicion, and the start is the host's clock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise

_NAME = re.compile(r"(?P<host>.+)_(?P<start>\d{4}_\d{2}_\d{2}T\d{2}_\d{2}_\d{2}_\d{6})", re.ASCII | re.DOTALL)


def parse_client_id(client_id: str) -> tuple[str, float] | None:
    """Host and start (Unix seconds) of a name such as `web-7d9f_2026_08_07T14_32_57_123456`; None for any other."""
    match = _NAME.fullmatch(client_id)
    if match is None:
        return None
    try:
        start = datetime.strptime(match["start"], "%Y_%m_%dT%H_%M_%S_%f").replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None
    return match["host"], start.timestamp()


def find_succeeded(last_claims: Mapping[str, float | None]) -> dict[str, float]:
    """Client -> since when it has a successor, of those that have claimed nothing since; from clients' last claims."""
    by_host: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for client_id in last_claims:
        if found := parse_client_id(client_id):
            by_host[found[0]].append((found[1], client_id))
    since: dict[str, float] = {}
    for clients in by_host.values():
        clients.sort()
        for (start, client_id), (next_start, _) in pairwise(clients):
            last = last_claims[client_id]
            if start < next_start and last is not None and last < next_start:
                since[client_id] = next_start
    return since
