"""A finding of `riverkeeper look`: one problem, its evidence, how certain it is, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from riverkeeper.formats import count_noun

MOST_IDS = 10  # job ids of one finding; a script can read the table itself
MOST_OF_A_NAME = 10  # findings of one name: a table with 300,000 kinds must not make a report of as many lines


class ReportPart(StrEnum):
    """The three parts of the report, in reading order."""

    NOW = "now"
    LATELY = "lately"
    AHEAD = "ahead"


class Certainty(StrEnum):
    """How certain a finding is."""

    PROVEN = "proven"  # the table itself shows it
    LIKELY = "likely"  # the usual explanation of what the table shows
    POSSIBLE = "possible"  # one of several explanations


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `name` is stable, for scripts; docs/look.md has a heading of this name."""

    name: str
    part: ReportPart
    title: str  # one sentence with number, kind or queue
    evidence: str  # what the table shows
    certainty: Certainty
    advice: str  # what to do, or what it means
    jobs: int = 0  # how many jobs it is about; 0 where it is about no particular job
    kinds: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    job_ids: tuple[int, ...] = ()  # the lowest MOST_IDS


class NamedJob(Protocol):
    """What a finding shows of a job."""

    @property
    def id(self) -> int: ...
    @property
    def queue(self) -> str: ...
    @property
    def kind(self) -> str: ...


def find_in_jobs(
    jobs: Sequence[NamedJob], name: str, part: ReportPart, title: str, evidence: str, certainty: Certainty, advice: str
) -> Finding:
    """A finding about these jobs."""
    return Finding(
        name, part, title, evidence, certainty, advice,
        jobs=len({job.id for job in jobs}),
        kinds=tuple(sorted({job.kind for job in jobs})),
        queues=tuple(sorted({job.queue for job in jobs})),
        job_ids=tuple(sorted({job.id for job in jobs})[:MOST_IDS]),
    )  # fmt: skip


def fold(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first MOST_OF_A_NAME findings of each name, and behind them one for all others of the name."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.name, []).append(finding)
    for group in groups.values():
        yield from group[:MOST_OF_A_NAME]
        if rest := group[MOST_OF_A_NAME:]:
            yield _sum_up(rest)


def _sum_up(findings: Sequence[Finding]) -> Finding:
    first = findings[0]
    kinds = {kind for finding in findings for kind in finding.kinds}
    queues = {queue for finding in findings for queue in finding.queues}
    names = count_noun(len(kinds), "more kind") if kinds else count_noun(len(queues), "more queue")
    return Finding(
        first.name, first.part,
        f"The same for {names}",
        f"For example {join_names(kinds or queues)}.",
        first.certainty, first.advice,
        jobs=sum(finding.jobs for finding in findings),
        kinds=tuple(sorted(kinds)),
        queues=tuple(sorted(queues)),
        job_ids=tuple(sorted({job for finding in findings for job in finding.job_ids})[:MOST_IDS]),
    )  # fmt: skip


def join_names(names: Iterable[str], most: int = 5) -> str:
    """`a, b and c`, or the first names `and 7 more`."""
    every = sorted(set(names))
    shown, more = every[:most], len(every) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def describe_jobs(jobs: Sequence[NamedJob], noun: str = "job") -> str:
    """`3 jobs of email and sync`."""
    return f"{count_noun(len(jobs), noun)} of {join_names(job.kind for job in jobs)}"
