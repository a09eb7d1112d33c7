"""Keeps out the result of a lost claim: by the fencing token, and by a check in the transaction of the effect."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from riverkeeper.heartbeat.claim import Claim, ClaimLost
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.statements import statement

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

SCHEMA_IS_GONE = frozenset({"42P01", "3F000"})  # no such table, no such schema
FIRST_ANSWER_SECONDS = 1.0  # at most, that the first work of a process waits for an answer


class ClientFence:
    """For any thread. `wanted`: the user's code attaches the token to every result of this process."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.in_force: bool | None = None  # None until the database has answered
        self.answered = threading.Event()  # set once the first beat has succeeded or failed

    @property
    def fences(self) -> bool:
        """The value of `fences` in the client row."""
        return self.wanted and bool(self.in_force)

    def token(self, claim: Claim) -> str | None:
        """The token of a result; None where no fence is in force.

        Before the first answer there is a token. A needless token stays in the job's metadata and changes nothing; a
        result without a token may be written into a later attempt.
        """
        return claim.attempted_at if self.wanted and self.in_force is not False else None

    def must_wait(self) -> bool:
        """Whether new work waits for the first answer. Once a beat has succeeded or failed, no work waits."""
        return self.wanted and self.in_force is None and not self.answered.is_set()

    def record_answer(self, in_force: bool) -> None:
        """Record whether meta.sql reports the fence in force, and log a change."""
        before, self.in_force = self.in_force, in_force
        if before is None:
            log.info("heartbeats started: %s", self._describe(in_force))
        elif before and not in_force:
            log.warning("fence is no longer in force: a late result may be written into the next attempt")
        elif in_force and not before:
            log.info("fence is now in force")

    def record_refusal(self, error: DatabaseError) -> None:
        """Record a refused beat. Without the keeper schema there are no triggers; other refusals prove nothing."""
        if error.sqlstate in SCHEMA_IS_GONE or self.in_force is None:
            self.in_force = False

    def _describe(self, in_force: bool) -> str:
        if self.fences:
            return "fence=yes"
        return f"fence=no reason={'results carry no token' if in_force else 'run riverkeeper schema fence install'}"


@dataclass(frozen=True, slots=True)
class ClaimVerification:
    """Verifies a claim inside the transaction that has the effect. Run it first, and keep the transaction short.

    A beat, a lease and a fence are all a moment old when the effect happens. This check is not: the job's row stays
    locked until the transaction ends, so nobody takes the claim away before the transaction has committed.

    With psycopg: `ClaimVerification(active.claim).run(lambda sql, values: connection.execute(sql, values).fetchone())`.
    With a driver that must be awaited: run `sql` with `parameters` (named, pyformat). No row: the claim is lost.
    """

    claim: Claim
    river_schema: str = "public"

    @property
    def sql(self) -> str:
        return statement("heartbeat/verify_claim", river=self.river_schema)

    @property
    def parameters(self) -> Mapping[str, object]:
        claim = self.claim
        return {"job_id": claim.job_id, "attempted_at": claim.attempted_at, "attempt": claim.attempt}

    def run(self, fetch_one: Callable[[str, Mapping[str, object]], object]) -> None:
        """Raises ClaimLost where the claim is over: roll the transaction back."""
        if fetch_one(self.sql, self.parameters) is None:
            raise ClaimLost(f"this process lost the claim on job {self.claim.job_id}: roll back")
