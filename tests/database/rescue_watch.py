"""A keeper's watch over the way of a beat, in the model: its real turns, and the real brakes that go by them."""

from __future__ import annotations

from dataclasses import replace

from database.heartbeat_sql import Connection
from database.rescue_scene import KEEPER, Scene
from riverkeeper.brakes.facts import read_facts
from riverkeeper.brakes.heartbeat_path import Before
from riverkeeper.brakes.mass_silence import Mass
from riverkeeper.brakes.rules import Restraints, held
from riverkeeper.brakes.state import Brake
from riverkeeper.postgres.connection import Database, Transaction
from riverkeeper.rescue.request import Brakes, Braking
from riverkeeper.rescue.supervisor.turn import Replica, take_turn

RESTRAINTS = Restraints()
# Somebody is always heard, else nobody would be called lost where a fleet is silent as a whole.
BYSTANDER = """
INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
VALUES ('00000000-0000-0000-0000-0000000000ff', 'bystander', now(), '10 s', true, 'test', now())
ON CONFLICT (instance) DO UPDATE SET beat_at = now()
"""


class Watching:
    """`before` is what the keeper's process remembers of its last turn. Turns have a connection of their own."""

    def __init__(self, scene: Scene, database: Database, sql: Connection) -> None:
        self._scene, self._database, self._sql = scene, database, sql
        self.before: Before | None = None

    def turn(self) -> None:
        """One turn that commits, while an idle process beats."""
        self._sql.execute(BYSTANDER)
        with self._scene.keeping(self._database) as tx, tx.whole():  # one savepoint, not one for each question
            turn = take_turn(tx, Replica(KEEPER, "keeper"), self.before, RESTRAINTS, 1.5, dry_run=False)
        assert turn.sighting
        self.before = Before(turn.sighting)

    def move(self, now: float, clock: float) -> None:
        """Its last turn was so many seconds earlier, by the database's clock and by its own."""
        if self.before:
            seen = self.before.sighting
            self.before = Before(replace(seen, now=seen.now - now, clock=seen.clock - clock))

    def brakes(self, path_ok_since: float | None) -> Brakes:
        """As a pass has them that acts on a reading of then; the brake for many at once has tests of its own."""

        def brakes(tx: Transaction) -> Braking:
            facts = read_facts(tx, dry_run=False)
            if facts.path.ok_since != path_ok_since:
                return lambda _: (Brake.STALE_SNAPSHOT, "the way of a beat was broken meanwhile")
            return lambda acts: held(replace(facts, mass=Mass()).after(acts), RESTRAINTS)

        return brakes
