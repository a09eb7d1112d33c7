"""Level plain: claims are held, lost, stopped, finished, and claimed again."""

from __future__ import annotations

import time

from conformance.scenarios import Level, scenario
from conformance.world import World


@scenario(Level.PLAIN)
def idle_process_beats(world: World) -> None:
    """From its start, and before it ever had a job."""
    worker = world.worker()
    sql = "SELECT client_id FROM riverkeeper.client WHERE beat_at > started_at"
    world.until(lambda: world.rows(sql) == [{"client_id": "worker"}], "the process to beat")
    worker.beats(2)


@scenario(Level.PLAIN)
def two_processes_share_a_client_id(world: World) -> None:
    """Each is an instance of its own; one that ends takes nothing from the other."""
    first, second = world.worker(), world.worker()
    claims = world.claims(2)
    for worker, claim in zip((first, second), claims, strict=True):
        worker.start(claim)
    rows = [world.beaten(claim) for claim in claims]

    assert len({row["instance"] for row in rows}) == 2
    clients = world.rows("SELECT client_id, instance FROM riverkeeper.client")
    assert {row["instance"] for row in rows} == {client["instance"] for client in clients}
    assert {client["client_id"] for client in clients} == {"worker"}
    assert first.held(claims[0]) is True
    assert world.beats_again(claims[1])["instance"] == rows[1]["instance"]
    assert second.causes == []


@scenario(Level.PLAIN)
def a_thousand_claims_in_one_process(world: World) -> None:
    """One statement beats for all."""
    worker = world.worker(interval=2 * world.interval)
    claims = world.claims(1000)
    for claim in claims:
        worker.start(claim)

    sql = "SELECT count(*), count(DISTINCT beat_at) AS beats FROM riverkeeper.heartbeat"
    world.until(lambda: world.rows(sql) == [{"count": 1000, "beats": 1}], "a beat that names all")
    assert worker.causes == []
    assert worker.held(claims[0]) is True
    assert worker.held(claims[-1]) is True


@scenario(Level.PLAIN)
def claim_is_beaten_within_one_interval(world: World) -> None:
    """The first tick after the work began names it."""
    worker = world.worker(interval=5 * world.interval)
    worker.beats(1)
    claim = world.claim()
    began_at = world.now()
    worker.start(claim)

    assert (world.beaten(claim)["beat_at"] - began_at).total_seconds() < 5 * world.interval + world.slack()


@scenario(Level.PLAIN)
def beats_under_its_claim_only(world: World) -> None:
    """A row is made for a running claim, by the database's clock; one microsecond off the claim is lost."""
    worker = world.worker()
    ours, theirs = world.claims(2)
    before = world.now()
    wrong = {
        **theirs,
        "attempted_at": theirs["attempted_at"][:-2] + ("0Z" if theirs["attempted_at"][-2] != "0" else "1Z"),
    }
    worker.start(ours)
    worker.start(wrong)

    row = world.beaten(ours)
    assert before < row["beat_at"] < world.now()
    assert worker.cancelled(wrong) == "claim_lost"
    assert world.row(theirs) is None
    assert world.row(wrong) is None
    assert worker.held(wrong) is False
    assert worker.causes == ["claim_lost"]


@scenario(Level.PLAIN)
def answers_reach_their_own_claims(world: World) -> None:
    """Whatever the order in which jobs began: one is lost, one has to stop, one completed itself, the others go on."""
    worker = world.worker()
    claims = world.claims(6)
    for claim in (claims[4], claims[1], claims[5], claims[0], claims[3], claims[2]):
        worker.start(claim)
    for claim in claims:
        world.beaten(claim)
    lost, stop, finished = claims[1], claims[3], claims[4]
    world.request_stop(stop)
    world.complete(finished)
    assert world.rescue(lost)

    assert worker.cancelled(lost) == "claim_lost"
    assert worker.cancelled(stop) == "stop_requested"
    worker.beats(2)
    assert sorted(worker.causes) == ["claim_lost", "stop_requested"]
    assert [worker.held(claim) for claim in claims] == [claim is not lost for claim in claims]


@scenario(Level.PLAIN)
def lost_claim_is_seen_within_one_tick(world: World) -> None:
    """After a rescue the next beat brings `lost`: the work is cancelled, and no beat names the claim again."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)

    assert world.rescue(claim)
    rescued_at = time.monotonic()

    assert worker.cancelled(claim) == "claim_lost"
    assert worker.cancelled_at(claim) - rescued_at < 1.5 * world.interval + world.slack()
    row = world.row(claim)
    worker.beats(2)
    assert world.row(claim) == row
    assert worker.causes == ["claim_lost"]
    assert worker.held(claim) is False


@scenario(Level.PLAIN)
def river_takes_the_claim_away_itself(world: World) -> None:
    """Also a rescue that knows nothing of heartbeats ends the claim."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("UPDATE river_job SET state = 'retryable'")

    assert worker.cancelled(claim) == "claim_lost"
    assert worker.held(claim, "failed") is False


@scenario(Level.PLAIN)
def stop_request_is_no_loss(world: World) -> None:
    """The job is cancelled once, with a cause of its own; it holds its claim, and beats until it returns."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.request_stop(claim)

    assert worker.cancelled(claim) == "stop_requested"
    worker.beats(2)
    world.beats_again(claim)
    assert worker.held(claim, "failed") is True
    assert worker.causes == ["stop_requested"]


@scenario(Level.PLAIN)
def job_completes_itself(world: World) -> None:
    """A job that completed in its own transaction is beaten for no more, and not cancelled."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    world.complete(claim)
    worker.beats(2)
    row = world.row(claim)
    worker.beats(world.refusals)

    assert world.row(claim) == row
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario(Level.PLAIN)
def same_process_claims_the_job_again(world: World) -> None:
    """The earlier attempt is cancelled and its result late, though it ends after the next has begun to beat."""
    worker = world.worker()
    earlier = world.claim()
    worker.start(earlier)
    world.beaten(earlier)
    assert world.rescue(earlier)
    later = world.claim_again(earlier)
    worker.start(later)

    assert worker.cancelled(earlier) == "claim_lost"
    world.beaten(later)
    assert worker.held(earlier, "failed") is False
    world.beats_again(later)
    assert worker.held(later) is True
    assert worker.causes == ["claim_lost"]


@scenario(Level.PLAIN)
def least_rights(world: World) -> None:
    """A worker's role is enough for a whole life: it begins, beats, loses a claim and returns."""
    worker = world.worker(world.as_role())
    claim, lost = world.claims(2)
    for each in (claim, lost):
        worker.start(each)
        world.beaten(each)
    assert world.rescue(lost)

    assert worker.cancelled(lost) == "claim_lost"
    assert worker.held(claim) is True
    before = worker.stats()["failures"]
    worker.beats(2)
    assert worker.stats()["failures"] == before


@scenario(Level.PLAIN)
def client_without_tokens_reports_no_fence(world: World) -> None:
    """`fences` is true only where results carry tokens: else Riverkeeper would let a rescued job run too soon."""
    worker = world.worker()
    worker.beats(2)
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)

    if world.reports_fences():
        assert worker.end(claim)["token"] == claim["attempted_at"]
    elif not world.is_full:
        assert worker.end(claim)["token"] is None
