"""/metrics: the exposition, within the time that the scraper allows."""

from __future__ import annotations

import gzip
import math

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import Service

HEADER = "x-prometheus-scrape-timeout-seconds"
DEFAULT_SECONDS = 9.5  # Prometheus' default timeout of 10 s less the offset
LONGEST_SECONDS = 300.0  # longer than any scraper waits, and within what statement_timeout can hold
OFFSET_SECONDS = 0.5  # to render the page and to send it
COMPRESSION = 4  # a metrics page shrinks to a tenth at any level; higher levels only cost time
# Rendering is CPU-bound: more threads at once would only slow each other and the event loop down.
_AT_ONCE = 2


class MetricsPage:
    """Answers scrapes. A database that is down is an answer (200 with river_up 0), not an error."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def metrics(self, request: Request) -> Response:
        """The exposition, compressed where the client can read that."""
        snapshot = await self._service.snapshot(time_limit(request.headers.get(HEADER)))
        body, headers = await anyio.to_thread.run_sync(self._page, snapshot, request, limiter=self._limiter)
        return Response(body, headers=headers)

    def _page(self, snapshot: Snapshot, request: Request) -> tuple[bytes, dict[str, str]]:
        accept = ",".join(request.headers.getlist("accept"))
        names = frozenset(request.query_params.getlist("name[]"))
        body, content_type = self._service.exposition(snapshot, accept, names)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(",".join(request.headers.getlist("accept-encoding"))):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, COMPRESSION, mtime=0)
        return body, headers


def time_limit(header: str | None) -> float:
    """Seconds a scrape may take: the header's less the offset, but at least half of it."""
    try:
        seconds = float(header or "")
    except ValueError:
        return DEFAULT_SECONDS
    if not math.isfinite(seconds) or seconds <= 0:
        return DEFAULT_SECONDS
    return min(max(seconds - OFFSET_SECONDS, seconds / 2), LONGEST_SECONDS)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named, and not with a weight of 0."""
    for choice in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in choice.split(";"))
        if coding == "gzip":
            return not any(_is_zero_weight(parameter) for parameter in parameters)
    return False


def _is_zero_weight(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    try:
        return name.strip() == "q" and float(value) == 0
    except ValueError:
        return False
