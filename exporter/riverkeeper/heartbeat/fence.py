"""Does a result need a fencing token? What the database answered last, and what stands while it has not answered."""

from __future__ import annotations

import logging
import threading

from riverkeeper.heartbeat.claim import Claim
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

log = logging.getLogger("riverkeeper.heartbeat")  # the standard one: this runs in somebody else's program

TOKEN_KEY = "riverkeeper:claim"  # noqa: S105 - a key of the job's metadata
FIRST_ANSWER_SECONDS = 1.0  # at most, that the first work of a process waits for an answer


class Fence:
    """For any thread. `wanted`: whoever writes the results of this process attaches the token."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.in_force: bool | None = None  # None until the database has answered
        self.answered = threading.Event()  # set once the first beat has succeeded or failed

    @property
    def fences(self) -> bool:
        """What the client row says."""
        return self.wanted and bool(self.in_force)

    def token(self, claim: Claim) -> str | None:
        """The token of a result; None where no fence is in force.

        While that is not known there is one: a token too many stays in the job's metadata and is judged by nothing; a
        result without one may be written into a later attempt.
        """
        return claim.attempted_at if self.wanted and self.in_force is not False else None

    def must_wait(self) -> bool:
        """Whether work that begins now waits for the first answer. Once a beat has succeeded or failed, none does."""
        return self.wanted and self.in_force is None and not self.answered.is_set()

    def learn(self, in_force: bool) -> None:
        """Take in an answer of the database."""
        before, self.in_force = self.in_force, in_force
        if before is None:
            log.info("beating; fence: %s", "yes" if self.fences else f"no ({self._why(in_force)})")
        elif before and not in_force:
            log.warning("the fence is not in force any more: a late result may be written into the next attempt")
        elif in_force and not before:
            log.info("the fence is in force now")

    def refuse(self, error: DatabaseError) -> None:
        """Take in a refusal. Without the keeper schema there are no triggers; other refusals say nothing of them."""
        if error.kind is ErrorKind.MISSING or self.in_force is None:
            self.in_force = False

    def _why(self, in_force: bool) -> str:
        return "results carry no token" if in_force else "not installed, see riverkeeper schema fence install"
