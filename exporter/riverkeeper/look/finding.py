"""What `riverkeeper look` finds: one trouble, its evidence, how sure it is, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MOST_IDS = 10  # of one finding; a person opens a few, a script reads the table itself


class Part(StrEnum):
    """The three parts of the report, in reading order."""

    NOW = "now"
    LATELY = "lately"
    AHEAD = "ahead"


class Certainty(StrEnum):
    """How sure a finding is."""

    PROVEN = "proven"  # the table itself says so
    LIKELY = "likely"  # the ordinary explanation of what the table says
    POSSIBLE = "possible"  # one of several explanations


@dataclass(frozen=True, slots=True)
class Finding:
    """One trouble. `name` is stable, for scripts; it is also its heading in docs/look.md."""

    name: str
    part: Part
    title: str  # one sentence with number, kind or queue
    evidence: str  # what the table shows
    certainty: Certainty
    advice: str  # what to do, or what it means
    jobs: int = 0  # how many jobs it is about; 0 where it is about none in particular
    kinds: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    job_ids: tuple[int, ...] = ()  # some of them, lowest first


class Job(Protocol):
    """What a finding names of a job."""

    @property
    def id(self) -> int: ...
    @property
    def queue(self) -> str: ...
    @property
    def kind(self) -> str: ...


def about(
    jobs: Sequence[Job], name: str, part: Part, title: str, evidence: str, certainty: Certainty, advice: str
) -> Finding:
    """A finding about these jobs."""
    return Finding(
        name, part, title, evidence, certainty, advice,
        jobs=len({job.id for job in jobs}),
        kinds=tuple(sorted({job.kind for job in jobs})),
        queues=tuple(sorted({job.queue for job in jobs})),
        job_ids=tuple(sorted({job.id for job in jobs})[:MOST_IDS]),
    )  # fmt: skip


def listed(names: Iterable[str], most: int = 5) -> str:
    """`a, b and c`, or the first few `and 7 more`."""
    every = sorted(set(names))
    shown, more = every[:most], len(every) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def counted(number: int, noun: str) -> str:
    """`1 job`, `12,345 jobs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
