"""What happens to a claimed job, and what River would write about it. Pure: chance is an argument."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from riverkeeper.demo.kinds import Ending, Kind
from riverkeeper.heartbeat.claim import TOKEN_KEY
from riverkeeper.river.failures import rfc3339

SOON_SECONDS = 5.0  # River writes a retry or snooze this near as `available`, not for the scheduler to move
BACKOFF_SCALE = 0.5  # River waits failures^4 seconds; half of that shows a discarded job within half a minute
JITTER = 0.1
SNOOZE_SECONDS = (3.0, 12.0)  # on both sides of SOON_SECONDS


@dataclass(frozen=True, slots=True)
class FetchedJob:
    """A job as the fetch returned it; `attempted_at` by the clock that its client dates claims by."""

    id: int
    kind: str
    queue: str
    client: str
    attempt: int
    max_attempts: int
    attempted_at: float
    failures: int = 0  # errors before this attempt
    snoozes: int = 0
    ahead: float = 0.0  # of `attempted_at` to the database's clock

    @property
    def began_at(self) -> float:
        """The database's clock."""
        return self.attempted_at - self.ahead

    @property
    def claimed_at(self) -> str:
        """`attempted_at` as the heartbeat contract writes it; a float holds microseconds until the year 2106."""
        return rfc3339(self.attempted_at)


@dataclass(slots=True)
class Attempt:
    """A claim and what will become of it; `ends_at` by the database's clock, infinite where it never ends."""

    claim: FetchedJob
    ending: Ending
    ends_at: float
    reports: bool = False  # its progress
    hangs_at: float | None = None  # from then on its progress stands still
    lost: bool = False  # the answer to a beat said so: its client no longer beats for it

    def progress(self, now: float) -> float:
        """The fraction that is done, as the worker knows it; a job that hangs stood at a third."""
        ends_at = self.ends_at if self.hangs_at is None else self.claim.began_at + 3 * self._seconds_until_hang
        return min(1.0, max(0.0, now - self.claim.began_at) / max(ends_at - self.claim.began_at, 0.001))

    @property
    def _seconds_until_hang(self) -> float:
        return (self.hangs_at or self.claim.began_at) - self.claim.began_at


@dataclass(frozen=True, slots=True)
class Result:
    """What a client reports about a job; None leaves the column as it is."""

    id: int
    state: str
    attempt: int | None = None
    error: Mapping[str, object] | None = None
    finalized_at: float | None = None  # the worker's clock, as all its times
    scheduled_at: float | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


def plan(claim: FetchedJob, kind: Kind, chance: Random) -> Attempt:
    """How the attempt will go: the same claim and the same chance give the same answer."""
    ending = kind.first_ending if kind.first_ending and claim.attempt <= 1 else _draw(kind.endings, chance)
    ends_at = claim.began_at + chance.lognormvariate(math.log(kind.seconds), kind.spread)
    if ending is Ending.HANG:
        return Attempt(claim, ending, math.inf, kind.reports, hangs_at=ends_at)
    return Attempt(claim, ending, ends_at, kind.reports)


def result(attempt: Attempt, ending: Ending, ended_at: float, ahead: float, chance: Random) -> Result | None:
    """What the client writes, its clock being `ahead` seconds of the database's; None where it cannot write."""
    claim, clock = attempt.claim, ended_at + ahead
    written = _write_result(claim, ending, clock, ahead, chance)
    return written and replace(written, metadata={**written.metadata, TOKEN_KEY: claim.claimed_at})


def _write_result(claim: FetchedJob, ending: Ending, clock: float, ahead: float, chance: Random) -> Result | None:
    match ending:
        case Ending.SUCCESS:
            return Result(claim.id, "completed", finalized_at=clock)
        case Ending.CANCEL:
            said = _error(claim, ahead, "JobCancelError: recipient unsubscribed")
            return Result(claim.id, "cancelled", error=said, finalized_at=clock)
        case Ending.FAILURE:
            return _failure(claim, clock, ahead, chance)
        case Ending.SNOOZE:
            wait = chance.uniform(*SNOOZE_SECONDS)
            state = "available" if wait <= SOON_SECONDS else "scheduled"
            again = {"snoozes": claim.snoozes + 1}
            return Result(claim.id, state, claim.attempt - 1, scheduled_at=clock + wait, metadata=again)
        case Ending.INTERRUPT:
            return Result(claim.id, "available", max(claim.attempt - 1, 0), scheduled_at=clock)
    return None


def backoff(failures: int, chance: Random) -> float:
    """Seconds until the next attempt after this many failures: River's default policy, scaled down."""
    return BACKOFF_SCALE * float(failures) ** 4 * chance.uniform(1 - JITTER, 1 + JITTER)


def encode_results(results: list[Result]) -> str:
    """The results as the JSON rows that demo/sql/finish_jobs.sql reads."""
    return json.dumps([_row(written) for written in results])


def _draw(endings: Mapping[Ending, float], chance: Random) -> Ending:
    drawn = chance.random()
    for ending, share in endings.items():
        if drawn < share:
            return ending
        drawn -= share
    return Ending.SUCCESS


def _failure(claim: FetchedJob, clock: float, ahead: float, chance: Random) -> Result:
    error = _error(claim, ahead, f"{claim.kind}: upstream answered 503")
    if claim.attempt >= claim.max_attempts:
        return Result(claim.id, "discarded", error=error, finalized_at=clock)
    wait = backoff(claim.failures + 1, chance)
    state = "available" if wait <= SOON_SECONDS else "retryable"
    return Result(claim.id, state, error=error, scheduled_at=clock + wait)


def _error(claim: FetchedJob, ahead: float, text: str) -> dict[str, object]:
    """River's AttemptError: `at` is the start of the attempt, by the worker's clock."""
    at = rfc3339(claim.began_at + ahead)
    return {"at": at, "attempt": claim.attempt, "error": text, "trace": ""}


def _row(written: Result) -> dict[str, object]:
    times = {"finalized_at": written.finalized_at, "scheduled_at": written.scheduled_at}
    return {
        "id": written.id,
        "state": written.state,
        "attempt": written.attempt,
        "error": written.error,
        "metadata": written.metadata,
        **{name: None if moment is None else rfc3339(moment) for name, moment in times.items()},
    }
