"""The Python client under the conformance suite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from conformance.floor import Event, run
from riverkeeper.heartbeat import (
    ActiveClaim,
    Beater,
    Claim,
    ClaimLost,
    HeartbeatTier,
    LeaseExpired,
    Outcome,
    StopRequested,
    WorkMustStop,
)


def work(beat: ActiveClaim, end: threading.Event) -> None:
    """The thread of a job, which waits for its `finish`."""
    beat.runs_here()
    end.wait()


CAUSES = {ClaimLost: "claim_lost", LeaseExpired: "lease_expired", StopRequested: "stop_requested"}


class PythonClient:
    stacks = True

    def __init__(self, url: str, river_schema: str, keeper_schema: str, client_id: str, interval: float) -> None:
        self.url = url
        self.beater = Beater(
            url,
            client_id,
            river_schema=river_schema,
            keeper_schema=keeper_schema,
            fences=True,
            tier=HeartbeatTier(interval),
        ).start()
        self.at_work: set[ActiveClaim] = set()
        self.ends: dict[ActiveClaim, threading.Event] = {}

    def begin(self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]) -> ActiveClaim:
        def stop(reason: WorkMustStop) -> None:
            on_stop(CAUSES[type(reason)])

        beat = self.beater.begin(Claim(**claim), HeartbeatTier(interval, lease), stop)
        self.at_work.add(beat)
        self.ends[beat] = threading.Event()
        threading.Thread(target=work, args=(beat, self.ends[beat]), daemon=True).start()
        return beat

    def progress(self, work: Any, value: float | None, note: str | None) -> None:
        work.progress(value, note)

    def checkpoint(self, work: Any, value: object) -> None:
        with suppress(ClaimLost):
            work.checkpoint(value)

    def checkpoint_tx(self, work: Any, value: object, *, commit: bool) -> bool:
        with psycopg.connect(self.url) as connection:
            try:
                work.checkpoint_tx(value).run(lambda sql, values: connection.execute(sql, values).fetchone())
            except ClaimLost:
                connection.rollback()
                return False
            if not commit:
                connection.rollback()
            return True

    def resume(self, work: Any) -> tuple[bool, bool, object]:
        nothing = object()
        try:
            value = work.resume(nothing)
        except ClaimLost:
            return False, False, None
        return True, value is not nothing, None if value is nothing else value

    def finish(self, work: Any, outcome: str) -> tuple[str | None, bool]:
        self.at_work.discard(work)
        self.ends[work].set()
        held = self.beater.finish(work, Outcome(outcome))
        return work.token, held

    def stats(self) -> dict[str, int]:
        return {"beats": self.beater.beats, "failures": self.beater.failures}

    def close(self) -> None:
        while self.at_work:  # else the beater would beat on for them
            self.beater.abandon(self.at_work.pop())
        self.beater.close()


if __name__ == "__main__":
    run(
        lambda options, interval: PythonClient(
            options.database_url, options.river_schema, options.keeper_schema, options.client_id, interval
        )
    )
