"""A page that lists jobs or rescues: its query string, its answer as HTML and as JSON, and its errors.

The query string has the labels of an alert as names, so that an alert links to the jobs it is about.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.service import Service
from riverkeeper.verdict.verdict import Reason
from riverkeeper.web.pages.filters import BadQuery, ListError, refuse_unknown_choices, refuse_unknown_names
from riverkeeper.web.pages.templates import Templates

SHOWN = 50
MOST_SHOWN = 500
BIGGEST_ID = 2**63 - 1
FILTERS = ("queue", "kind", "tier", "reason")
ANSWER_SECONDS = 10.0

Result = TypeVar("Result")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs, and how many of them."""

    scope: Scope = field(default_factory=Scope)
    limit: int = SHOWN
    job_id: int | None = None
    own: Mapping[str, str] = field(default_factory=dict)  # filters that only this list has, as far as they were given

    @property
    def filters(self) -> dict[str, str]:
        """The filters that were given, by name."""
        return {name: value for name in FILTERS if (value := getattr(self.scope, name))} | dict(self.own)

    @property
    def parameters(self) -> dict[str, str]:
        """The same query as parameters of a query string."""
        job = {} if self.job_id is None else {"job": str(self.job_id)}
        return {**self.filters, **job, "limit": str(self.limit)}


def read_query(params: QueryParams, names: Collection[str], own_names: Collection[str] = ()) -> JobQuery:
    """The parameters `names`, `own_names` and `limit`. Raises BadQuery.

    Ignores other parameters: an alert's link may have more.
    """
    filters = {name: params.get(name) or None for name in FILTERS if name in names}
    own = {name: value for name in own_names if (value := params.get(name))}
    if any("\0" in (value or "") for value in (*filters.values(), *own.values())):
        raise BadQuery("a name cannot hold a NUL character")
    job_id = _number(params, "job", BIGGEST_ID) if "job" in names else None
    return JobQuery(Scope(**filters), _number(params, "limit", MOST_SHOWN) or SHOWN, job_id, own)


def _number(params: QueryParams, name: str, most: int) -> int | None:
    text = params.get(name) or None
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        raise BadQuery(f"{name} must be a whole number from 1 to {most}")
    return int(text)


class JobListPage(ABC, Generic[Result]):
    """The page and its JSON. A list gives its query, its JSON and what its template shows."""

    template: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = (*FILTERS, "job")  # parameters of the query string, besides `limit`
    own_names: ClassVar[tuple[str, ...]] = ()  # parameters that no other list has
    reasons: ClassVar[tuple[Reason, ...]] = ()  # offered by the form

    def __init__(self, service: Service, templates: Templates, seconds: float = ANSWER_SECONDS) -> None:
        self._service = service
        self._templates = templates
        self._seconds = seconds

    async def page(self, request: Request) -> Response:
        """HTML: 400 for a bad query, 503 where the database cannot be read; both with the fix."""
        query, facts, status = JobQuery(), dict[str, object](), 200
        try:
            query = read_query(request.query_params, self.names, self.own_names)
            facts = self._show(query, await self._find_or_explain(query))
        except ListError as error:
            status, facts = error.status, {"error": error.message, "fix": error.fix}
        return self._templates.html(self.template, status, **self._form(query), **{"error": None, "fix": None} | facts)

    async def json(self, request: Request) -> Response:
        """The same for scripts. Later versions only add keys."""
        try:
            query = read_query(request.query_params, self.names, self.own_names)
            return JSONResponse(self._document(query, await self._find_or_explain(query)))
        except ListError as error:
            return JSONResponse({"error": error.message, "fix": error.fix}, error.status)

    async def _find_or_explain(self, query: JobQuery) -> Result:
        try:
            result = await self._find(query)
            if self._is_empty(result):
                await self._refuse_unknown(query.scope, result)
            return result
        except DatabaseError as error:
            raise ListError(503, error.message, error.fix) from None

    async def _refuse_unknown(self, scope: Scope, result: Result) -> None:
        """Raises ListError where a filter names what does not exist. Reads the names only where they are needed."""
        refuse_unknown_choices(scope, self._service.policy().tiers, [reason.value for reason in self.reasons])
        if (scope.queue or scope.kind) and not self._knows(scope, result):
            refuse_unknown_names(scope, await self._in_time(self._service.known_names(scope.queue, scope.kind)))

    def _knows(self, scope: Scope, result: Result) -> bool:
        """Whether the result shows that the queue and the kind exist."""
        return False

    async def _in_time(self, answer: Awaitable[Answer]) -> Answer:
        """Raises DatabaseError where the database is late; the caller's connection ends by its own limits."""
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError:
            raise DatabaseError(ErrorKind.TIMED_OUT, f"no answer within {self._seconds:.0f} s") from None

    def _form(self, query: JobQuery) -> dict[str, object]:
        """What the form of the page offers: existing names, and the requested one whether it exists or not."""
        return {
            "query": query,
            "most": MOST_SHOWN,
            "tiers": _with(list(self._service.policy().tiers), query.scope.tier),
            "reasons": _with([reason.value for reason in self.reasons], query.scope.reason),
        }

    @abstractmethod
    async def _find(self, query: JobQuery) -> Result:
        """Raises DatabaseError or ListError."""

    @abstractmethod
    def _is_empty(self, result: Result) -> bool:
        """Whether no job was found."""

    @abstractmethod
    def _show(self, query: JobQuery, result: Result) -> dict[str, object]:
        """The variables of the template."""

    @abstractmethod
    def _document(self, query: JobQuery, result: Result) -> dict[str, object]:
        """The JSON."""


def _with(known: list[str], requested: str | None) -> list[str]:
    return [*known, *([requested] if requested and requested not in known else [])]
