"""Level progress: what jobs report, how often claims beat, and how work ended."""

from __future__ import annotations

import json

from conformance.floor import Event
from conformance.scenarios import Level, scenario
from conformance.worker import Worker
from conformance.world import World
from consistency.tree import ROOT

OUTCOMES = ("completed", "failed", "snoozed", "cancelled")
LONG = 100  # intervals: no tick comes while a scenario lasts


def vectors(name: str) -> list[Event]:
    return list(json.loads((ROOT / "clients" / "vectors" / f"{name}.json").read_text(encoding="utf-8")))


@scenario(Level.PROGRESS)
def progress_is_reported_by_the_job_alone(world: World) -> None:
    """Beats without progress leave it empty; reported progress goes with the next beat, and only with that one."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.beats_again(claim)["progress_at"] is None

    worker.progress(claim, 0.25, "a quarter")
    row = world.progressed(claim)
    assert (row["progress"], row["note"]) == (0.25, "a quarter")
    later = world.beats_again(claim)
    assert {**row, "beat_at": later["beat_at"]} == later

    worker.progress(claim, 0.25, "a quarter")
    world.progressed(claim, row["progress_at"])  # the same number is progress too


@scenario(Level.PROGRESS)
def progress_waits_for_the_database(world: World) -> None:
    """What was reported while no beat succeeded is sent by the first beat that does: the newest report."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    proxy.drop()  # a beat is sent, and nobody answers
    worker.progress(claim, 0.25, "a quarter")
    worker.progress(claim, 0.5, "half")
    worker.fails(2)
    proxy.restore()

    row = world.progressed(claim)
    assert (row["progress"], row["note"]) == (0.5, "half")


@scenario(Level.PROGRESS)
def odd_progress_stops_no_beat(world: World) -> None:
    """Every value of the vectors is stored as they have it, and no beat fails by one."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    before = worker.stats()["failures"]
    reports = [report_all(world, worker, claim, *pair) for pair in pairs()]

    assert [report for report in reports if report] == []
    assert worker.stats()["failures"] == before


def pairs() -> list[tuple[Event, Event]]:
    """Each number with a note; one list is longer, so that the other begins again."""
    numbers, notes = vectors("progress"), [case for case in vectors("notes") if "needs" not in case]
    count = max(len(numbers), len(notes))
    return [(numbers[index % len(numbers)], notes[index % len(notes)]) for index in range(count)]


def report_all(world: World, worker: Worker, claim: Event, number: Event, note: Event) -> str:
    """What was stored wrongly; empty where nothing was."""
    before = (world.row(claim) or {})["progress_at"]
    worker.progress(claim, number["given"], note["given"])
    row = world.progressed(claim, before)
    near = row["progress"] == number["sent"] or (
        None not in {row["progress"], number["sent"]} and abs(row["progress"] - number["sent"]) < 1e-6
    )
    wrong = [*([] if near else [number["name"]]), *([] if row["note"] == note["sent"] else [note["name"]])]
    return ", ".join(wrong)


@scenario(Level.PROGRESS)
def urgent_claim_sets_the_pace(world: World) -> None:
    """It shortens the pause that has begun, and every pause after it."""
    worker = world.worker(interval=LONG * world.interval)
    worker.beats(1)
    claim = world.claim()
    began_at = world.now()
    worker.start(claim, interval=world.interval)
    row = world.beaten(claim)
    for _ in range(3):
        row = world.beats_again(claim)

    assert (row["beat_at"] - began_at).total_seconds() < LONG * world.interval / 2
    assert row["beat_interval"].total_seconds() == world.interval


@scenario(Level.PROGRESS)
def ends_are_reported(world: World) -> None:
    """With the next tick, as the work ended."""
    worker = world.worker()
    claims = dict(zip(OUTCOMES, world.claims(len(OUTCOMES)), strict=True))
    for claim in claims.values():
        worker.start(claim)
        world.beaten(claim)
    for outcome, claim in claims.items():
        worker.end(claim, outcome)

    for outcome, claim in claims.items():
        row = world.ended(claim)
        assert (row["outcome"], row["lost_at"]) == (outcome, None)


@scenario(Level.PROGRESS)
def end_of_a_lost_claim_is_reported(world: World) -> None:
    """It proves that the worker of a rescued job was alive."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.rescue(claim)
    assert worker.cancelled(claim) == "claim_lost"
    worker.end(claim)

    assert world.ended(claim)["outcome"] == "completed"


@scenario(Level.PROGRESS)
def end_waits_for_the_database(world: World) -> None:
    """An outcome is kept while the database is away, and no result waits for it."""
    worker, proxy = world.through_proxy()
    claim, waiting = world.claims(2)
    for each in (claim, waiting):
        worker.start(each)
        world.beaten(each)
    proxy.refuse()
    worker.fails(3)
    result = worker.end(waiting)
    assert result["held"] is True
    world.expect_token(result, waiting)
    worker.fails(2)
    proxy.restore()

    assert world.ended(waiting)["outcome"] == "completed"
    assert worker.held(claim) is True
    assert worker.causes == []


@scenario(Level.PROGRESS)
def job_that_ends_between_ticks_writes_nothing(world: World) -> None:
    """Its process is its sign of life until its first tick."""
    worker = world.worker(interval=LONG * world.interval)
    world.until(lambda: world.rows("SELECT FROM riverkeeper.client"), "the process to beat")
    claim = world.claim()
    worker.start(claim)
    worker.end(claim)
    worker.quit()

    assert world.rows("SELECT FROM riverkeeper.heartbeat") == []
