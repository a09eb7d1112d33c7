"""Beats on the job's own row, for those who cannot add a table: a plain beat, with no lease, progress or fence.

What it cannot do: tell of progress, be asked to stop, or speak for a job that has not beaten yet. It costs about six
times the WAL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riverkeeper.heartbeat.beat import Beat, Told
from riverkeeper.heartbeat.claim import Claim, Outcome, Standing
from riverkeeper.heartbeat.connection import Line
from riverkeeper.heartbeat.table import columns_of, find_claim


class Metadata:
    """Stands where a Table stands."""

    def __init__(self, url: str, river_schema: str, client_id: str) -> None:
        self._client_id = client_id
        self._line = Line(url, {"river": river_schema})

    def beat(self, beats: Sequence[tuple[Beat, Told]], seconds: float) -> dict[Claim, Standing]:
        """Beat for all these claims. Raises DatabaseError: then nothing is known of any of them."""
        claims = sorted((beat.claim for beat, _ in beats), key=lambda claim: (claim.job_id, claim.attempted_at))
        if not claims:
            return {}
        rows = self._line.ask("heartbeat/beat_metadata", columns_of(claims), seconds)
        beaten = {row.job_id for row in rows}
        # The answer names no attempt, so the newest one given is meant; what did not come back may only be locked.
        newest = {claim.job_id: claim for claim in claims if claim.job_id in beaten}
        standings = dict.fromkeys(newest.values(), Standing.HELD)
        return standings | self._look([claim for claim in claims if claim not in standings], seconds)

    def _look(self, claims: Sequence[Claim], seconds: float) -> dict[Claim, Standing]:
        if not claims:
            return {}
        rows = self._line.ask("heartbeat/claim_status", columns_of(claims), seconds)
        found = {(row.job_id, row.attempted_at): row.finished for row in rows}
        words = {None: Standing.LOST, False: Standing.HELD, True: Standing.FINISHED}
        return {claim: words[found.get((claim.job_id, claim.attempted_at))] for claim in claims}

    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None:
        """There is nowhere to say it."""

    def claim(self, job_id: int, attempt: int, seconds: float) -> Claim | None:
        """The claim that this client holds on the job, None where it holds none. Raises DatabaseError."""
        return find_claim(self._line, job_id, attempt, self._client_id, seconds)

    def close(self) -> None:
        self._line.close()
