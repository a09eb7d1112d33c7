"""The thread that beats: one statement for the process and all its claims, every interval."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from riverkeeper.heartbeat.active_claims import Roster
from riverkeeper.heartbeat.beat import Beat, Told
from riverkeeper.heartbeat.claim import Claim, Outcome, Standing, StopRequested
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.heartbeat.failures import Troubles, refused
from riverkeeper.heartbeat.fence import Fence
from riverkeeper.postgres.errors import DatabaseError

log = logging.getLogger("riverkeeper.heartbeat")  # the standard one: this runs in somebody else's program

JITTER = 0.1  # of the interval, earlier: processes started together drift apart


class Beats(Protocol):
    """The table, or what stands in for it."""

    def beat(self, beats: Sequence[tuple[Beat, Told]], seconds: float) -> dict[Claim, Standing]: ...
    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None: ...
    def close(self) -> None: ...


class Ticking:
    """Goes on after `closing` is set until the last claim's work has returned and its end is told."""

    def __init__(
        self,
        table: Beats,
        roster: Roster,
        troubles: Troubles,
        interval: float,
        closing: threading.Event,
        fence: Fence,
    ) -> None:
        self._table = table
        self._roster = roster
        self._troubles = troubles
        self._interval = interval
        self._closing = closing
        self._fence = fence
        self._wake = threading.Event()
        self._chance = random.Random()  # noqa: S311 - only spreads; the program's own sequence is left alone
        self.beats = 0  # that succeeded

    def wake(self) -> None:
        """Something has changed that may ask for an earlier tick."""
        self._wake.set()

    def run(self) -> None:
        try:
            last = False
            while not last:
                last = self._closing.is_set() and self._roster.is_finished()
                began = time.monotonic()
                self._guarded_tick()
                if not last:
                    self._pause(began)
        finally:
            self._table.close()

    def _pause(self, began: float) -> None:
        share = 1 - JITTER * self._chance.random()
        while not (self._closing.is_set() and self._roster.is_finished()):
            # Asked anew after each wake: a more urgent claim must not wait for the pause of a patient one.
            left = began + self._seconds() * share - time.monotonic()
            if left <= 0 or not self._wake.wait(left):
                return
            self._wake.clear()

    def _guarded_tick(self) -> None:
        try:
            self.tick()
        except Exception:  # if this thread ended, every job of the process would look dead
            log.exception("a bug in the heartbeat client; beats go on")

    def tick(self) -> None:
        """One statement for the process and all its claims, one more if claims have ended."""
        beats = [(beat, beat.told) for beat in self._roster.at_work()]
        ended, limit, sent_at = self._roster.ended(), self._seconds() / 2, lease_clock()
        fresh = [beat for beat, _ in beats if not beat.named]
        for beat in fresh:
            beat.named = True  # before it is sent: the answer may get lost, and the row be there
        try:
            standings = self._table.beat(beats, limit)
            self.beats += 1
            self._troubles.over()
            for beat, told in beats:
                self._hear(beat, told, standings[beat.claim], sent_at)
            if ended:
                self._table.end(ended, limit)
                self._roster.forget(ended)
        except DatabaseError as error:
            self._troubles.tell(error)
            if refused(error):
                self._fence.refuse(error)
                for beat, _ in beats:
                    beat.heard_at = sent_at  # an answer is no silence: it cancels nothing, leased or not
                for beat in fresh:
                    beat.named = False
        finally:
            self._fence.answered.set()  # whatever the answer was: no work waits for another

    def _seconds(self) -> float:
        return self._roster.shortest_interval(self._interval)

    def _hear(self, beat: Beat, told: Told, standing: Standing, sent_at: float) -> None:
        if standing is Standing.LOST:
            beat.lose()
            return
        beat.heard_at = sent_at
        beat.acknowledged = told
        if standing is Standing.FINISHED:
            self._roster.depart(beat)
        elif standing is Standing.STOP:
            beat.stop(StopRequested(f"the keeper found job {beat.claim.job_id} hung and asks it to stop"))
