"""Verifies a claim inside the transaction that has the effect: the only real guarantee (verify_claim.sql).

A beat, a lease and a fence are all a moment old when the effect happens. This check is not: the job's row stays locked
until the transaction ends, so nobody takes the claim away before the transaction has committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from riverkeeper.heartbeat.claim import Claim, ClaimLost
from riverkeeper.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class ClaimVerification:
    """The check of one claim. Run it first in the transaction, and keep the transaction short.

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
