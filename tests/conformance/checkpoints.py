"""Level progress, checkpoints: what a job saves reaches its next attempt, and nothing of a lost claim does."""

from __future__ import annotations

from conformance.floor import Event
from conformance.progress import LONG, vectors
from conformance.scenarios import Level, scenario
from conformance.worker import Worker
from conformance.world import World

PART = "checkpoints"  # a client may lack it: --without checkpoints


@scenario(Level.PROGRESS, part=PART)
def checkpoint_goes_with_the_next_beat(world: World) -> None:
    """The newest of those that the job made since the last beat; and the next attempt resumes from it."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert worker.resume(claim)["found"] is False
    for step in range(1, 6):
        assert worker.checkpoint(claim, {"step": step})
    assert world.saved(claim, {"step": 5})["attempt"] == claim["attempt"]

    assert world.rescue(claim)
    worker.end(claim, "failed")
    later = world.claim_again(claim)
    worker.start(later)
    answer = worker.resume(later)
    assert (answer["held"], answer["found"], answer["value"]) == (True, True, {"step": 5})
    assert worker.checkpoint(later, {"step": 6})
    world.saved(later, {"step": 6})
    assert worker.resume(later)["value"] == {"step": 6}


@scenario(Level.PROGRESS, part=PART)
def unchanged_checkpoint_sends_nothing(world: World) -> None:
    """Reported again and again, it costs no statement: nobody waits for the table while another session holds it."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    worker.checkpoint(claim, {"step": 1})
    world.saved(claim, {"step": 1})
    with world.locked("LOCK TABLE riverkeeper.checkpoint IN ACCESS EXCLUSIVE MODE"):
        for _ in range(2):
            worker.checkpoint(claim, {"step": 1})
            world.beats_again(claim)
            assert world.rows("SELECT FROM pg_locks WHERE NOT granted") == []

    worker.checkpoint(claim, {"step": 2})
    world.saved(claim, {"step": 2})


@scenario(Level.PROGRESS, part=PART)
def odd_checkpoints_stop_no_beat(world: World) -> None:
    """Each value of the vectors is refused at the call, or comes back as it was; and no beat fails by one."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    before = worker.stats()["failures"]
    cases = [case for case in vectors("checkpoints") if "needs" not in case]
    wrong = [case["name"] for case in cases if not is_kept(world, worker, claim, case)]

    assert wrong == []
    assert worker.stats()["failures"] == before
    assert worker.held(claim) is True


def is_kept(world: World, worker: Worker, claim: Event, case: Event) -> bool:
    value = case["given"] * case["times"] if "times" in case else case["given"]
    if case["sent"] is None:
        return not worker.checkpoint(claim, value)
    if not worker.checkpoint(claim, value):
        return False
    text = world.saved(claim, value)["value"]
    sent = str(len(text)) if "times" in case else text
    return bool(sent == case["sent"] and worker.resume(claim)["value"] == value)


@scenario(Level.PROGRESS, part=PART)
def checkpoint_waits_for_the_database(world: World) -> None:
    """What was made while no beat succeeded is saved with the first that does: the newest."""
    worker, proxy = world.through_proxy()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    proxy.refuse()
    worker.fails(1)
    worker.checkpoint(claim, 1)
    worker.checkpoint(claim, 2)
    worker.fails(1)
    proxy.restore()

    world.saved(claim, 2)
    assert worker.held(claim) is True


@scenario(Level.PROGRESS, part=PART)
def failed_work_keeps_its_newest_checkpoint(world: World) -> None:
    """It is saved before the result: afterwards the job does not run under the claim. Completed work saves nothing."""
    worker = world.worker(interval=LONG * world.interval)
    worker.beats(1)
    for outcome in ("failed", "snoozed"):
        claim = world.claim()
        worker.start(claim)
        worker.checkpoint(claim, outcome)
        assert worker.end(claim, outcome)["held"] is True
        assert world.checkpoint(claim) == outcome

    claim = world.claim()
    worker.start(claim)
    worker.checkpoint(claim, "completed")
    assert worker.held(claim) is True
    assert world.checkpoint(claim) is None


@scenario(Level.PROGRESS, part=PART)
def result_waits_for_no_lost_database(world: World) -> None:
    """A checkpoint that cannot be saved holds up the result for a second at most."""
    worker, proxy = world.through_proxy(interval=world.interval)
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    proxy.refuse()
    worker.fails(1)
    worker.checkpoint(claim, 1)
    asked_at = world.now()
    assert worker.end(claim, "failed")["held"] is True
    assert (world.now() - asked_at).total_seconds() < 1 + world.slack()


@scenario(Level.PROGRESS, part=PART)
def lost_claim_saves_and_reads_nothing(world: World) -> None:
    """What it saved before counts; what it tries afterwards does not, with the beat or in a transaction."""
    worker = world.worker(interval=LONG * world.interval)
    worker.beats(1)
    claim = world.claim()
    worker.start(claim, interval=world.interval)
    worker.checkpoint(claim, "before")
    world.saved(claim, "before")
    with world.locked("LOCK TABLE riverkeeper.client IN SHARE ROW EXCLUSIVE MODE"):  # no beat says that it is lost
        assert world.rescue(claim)
        worker.checkpoint(claim, "after")
        assert worker.checkpoint_tx(claim, "after too") is False
        assert worker.resume(claim)["held"] is False

    assert worker.cancelled(claim) == "claim_lost"
    worker.end(claim, "failed")
    assert world.checkpoint(claim) == "before"


@scenario(Level.PROGRESS, part=PART)
def checkpoint_is_saved_with_its_effect(world: World) -> None:
    """In the job's own transaction: with a commit, not with a rollback. An older one never replaces it."""
    worker = world.worker(interval=LONG * world.interval)
    worker.beats(1)
    claim = world.claim()
    worker.start(claim)
    assert worker.checkpoint_tx(claim, 1)
    assert world.checkpoint(claim) == 1
    assert worker.checkpoint_tx(claim, 2, commit=False)
    assert world.checkpoint(claim) == 1
    worker.checkpoint(claim, 3)
    assert worker.checkpoint_tx(claim, 4)
    assert worker.held(claim, "failed") is True

    assert world.checkpoint(claim) == 4
    later = world.claim_again(claim)
    worker.start(later)
    assert worker.resume(later)["value"] == 4


@scenario(Level.PROGRESS, part=PART)
def checkpoints_that_are_refused_stop_no_beat(world: World) -> None:
    """A right that is missing costs the checkpoint alone: a beat that failed by it would get a live job rescued."""
    url = world.as_role()
    world.sql.execute(f'REVOKE ALL ON riverkeeper.checkpoint FROM riverkeeper_worker, "{world.role}"')
    worker = world.worker(url)
    claim = world.claim()
    worker.start(claim)
    worker.checkpoint(claim, 1)
    world.beaten(claim)
    before = worker.stats()["failures"]
    worker.beats(3)

    assert worker.stats()["failures"] == before
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PROGRESS, part=PART)
def keeper_schema_without_checkpoints(world: World) -> None:
    """Of an earlier version: a checkpoint is accepted and kept nowhere, and an attempt finds none."""
    world.sql.execute("DROP TABLE riverkeeper.checkpoint")
    world.set_meta("version", 7)
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert worker.checkpoint(claim, 1)
    worker.beats(2)

    assert worker.stats()["failures"] == 0
    answer = worker.resume(claim)
    assert (answer["held"], answer["found"]) == (True, False)
    assert worker.held(claim, "failed") is True
