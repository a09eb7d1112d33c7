"""Requests the stacks of stuck jobs, and reads what their clients have sent.

A request changes no job. It stands in the heartbeat row, and the next beat brings it to the client. Nothing waits for
the answer: a client may send none.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from riverkeeper.config.load import Config
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.records import to_json
from riverkeeper.schema.schemas import open_keeper
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.stack import JobStack, wants_stack
from riverkeeper.verdict.verdict import StuckJob

SECONDS = 3.0  # for one transaction
STACKS_OF_A_KIND = 20  # of the jobs longest past their limit: they tell what a thousand others would
WHOLE = 32_768  # characters: all of a stack
IN_A_LIST = 8_000  # characters of each stack in a list of jobs: some 80 frames
MOST_IN_A_LIST = 50  # stacks that a list reads: 400 kB at most
POLL_SECONDS = 0.25  # between two looks for an answer that an operator waits for


def choose_requests(stuck: Iterable[StuckJob], now: float) -> list[JobClaim]:
    """The claims whose stacks are to be requested, of each kind at most STACKS_OF_A_KIND. Pure.

    `stuck`: longest past their limit first. `now`: the database's clock.
    """
    seen, chosen = Counter[tuple[str, str]](), list[JobClaim]()
    for each in stuck:
        group = each.job.queue, each.job.kind
        wanted = wants_stack(each, now)
        has_one = each.job.beat is not None and each.job.beat.stack_requested_at is not None
        if wanted and seen[group] < STACKS_OF_A_KIND:
            chosen.append(each.job.claim)
        seen[group] += wanted or has_one
    return chosen


def request_stacks(tx: Transaction, claims: Collection[JobClaim]) -> set[int]:
    """Request the stacks of these claims, in a writing transaction: the jobs for which that was done.

    Raises DatabaseError.
    """
    values = {"claims": to_json([asdict(claim) for claim in claims])}
    return {row.job_id for row in tx.query("rescue/request_stacks", values)}


def read_stacks(tx: Transaction, claims: Sequence[JobClaim], characters: int = IN_A_LIST) -> dict[JobClaim, JobStack]:
    """The stacks of these claims; claims without one are left out.

    Raises DatabaseError, FORBIDDEN for a login that may not read them: the role `riverkeeper_reader`.
    """
    if not claims:
        return {}
    numbered = [{"number": number} | asdict(claim) for number, claim in enumerate(claims)]
    rows = tx.query("rescue/read_stacks", {"claims": to_json(numbered), "most_characters": characters})
    return {claims[row.number]: JobStack(row.stack, row.taken_at, row.is_cut) for row in rows}


def read_listed_stacks(config: Config, claims: Sequence[JobClaim]) -> dict[JobClaim, JobStack]:
    """The stacks of a list, on a connection of its own. Raises DatabaseError."""
    if not claims:
        return {}
    with open_keeper(config, SECONDS) as tx:
        return read_stacks(tx, claims[:MOST_IN_A_LIST])


@dataclass(frozen=True, slots=True)
class StackAnswer:
    """What an operator's request for a stack brought."""

    claim: JobClaim | None  # None: the job does not run
    beats: bool = False  # its claim beats in the heartbeat table, so that the request reaches its client
    is_answered: bool = False  # False: no answer in time; the request stays
    stack: JobStack | None = None  # the newest; without an answer an older one


def request_stack(config: Config, job_id: int, seconds: float) -> StackAnswer:
    """Request the stack of a running job, and wait at most `seconds` for its client. Raises DatabaseError."""
    with open_keeper(config, SECONDS, writing=True) as tx:
        rows = tx.query("rescue/read_claims", {"job_ids": [job_id]})
        if not rows:
            return StackAnswer(None)
        claim = JobClaim(*rows[0])
        request_stacks(tx, [claim])
    deadline = time.monotonic() + seconds
    while True:
        answer = read_answer(config, claim)
        if answer.is_answered or not answer.beats or time.monotonic() >= deadline:
            return answer
        time.sleep(POLL_SECONDS)


def read_answer(config: Config, claim: JobClaim) -> StackAnswer:
    """What a client has answered so far, whole. Raises DatabaseError."""
    with open_keeper(config, SECONDS) as tx:
        rows = tx.query("rescue/read_stack_request", {"job_id": claim.job_id, "attempted_at": claim.attempted_at})
        stack = read_stacks(tx, [claim], WHOLE).get(claim)
    return StackAnswer(claim, bool(rows), bool(rows) and rows[0].is_answered, stack)
