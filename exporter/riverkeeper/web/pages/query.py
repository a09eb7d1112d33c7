"""What a page of jobs is asked for: the query string, with the labels of an alert as names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from starlette.datastructures import QueryParams

from riverkeeper.rescue.wakes.wake import Scope

SHOWN = 50
MOST_SHOWN = 500
BIGGEST_ID = 2**63 - 1
NAMES = ("queue", "kind", "tier", "reason")


class BadQuestion(Exception):
    """The query string asks for something that cannot be answered; the text says what."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which jobs, and how many of them."""

    scope: Scope = field(default_factory=Scope)
    limit: int = SHOWN
    job_id: int | None = None

    @property
    def filters(self) -> dict[str, str]:
        """The filters that were given, by name."""
        return {name: value for name in NAMES if (value := getattr(self.scope, name))}

    @property
    def parameters(self) -> dict[str, str]:
        """The same question as a query string's parameters."""
        job = {} if self.job_id is None else {"job": str(self.job_id)}
        return {**self.filters, **job, "limit": str(self.limit)}


def asked(query: QueryParams) -> Asked:
    """Raises BadQuestion. Unknown parameters are let pass: an alert's link may carry more labels."""
    named = {name: query.get(name) or None for name in NAMES}
    if any("\0" in (value or "") for value in named.values()):
        raise BadQuestion("a name cannot hold a NUL character")
    return Asked(Scope(**named), _number(query, "limit", MOST_SHOWN) or SHOWN, _number(query, "job", BIGGEST_ID))


def choices(known: Collection[str], given: str | None) -> list[str]:
    """What a form offers: what there is, and what was asked for, be there such a thing or not."""
    return [*known, *([given] if given and given not in known else [])]


def _number(query: QueryParams, name: str, most: int) -> int | None:
    text = query.get(name) or None
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        raise BadQuestion(f"{name} must be a whole number from 1 to {most}")
    return int(text)
