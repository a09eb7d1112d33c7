"""Scenarios of claims: held, lost, stopped, finished, and claimed again."""

from __future__ import annotations

import time

from conformance.scenarios import scenario
from conformance.world import INTERVAL, LEASE, World
from fixtures.waiting import until


@scenario
def beats_under_its_claim_only(world: World) -> None:
    """A row is made for a running claim, by the database's clock; one microsecond off the claim is lost."""
    worker = world.worker()
    ours, theirs = world.claims(2)
    before = world.rows("SELECT clock_timestamp() AS now")[0]["now"]
    wrong = {
        **theirs,
        "attempted_at": theirs["attempted_at"][:-2] + ("0Z" if theirs["attempted_at"][-2] != "0" else "1Z"),
    }
    worker.start(ours)
    worker.start(wrong)

    row = world.beaten(ours)
    assert before < row["beat_at"] < world.rows("SELECT clock_timestamp() AS now")[0]["now"]
    assert worker.cancelled(wrong) == "claim_lost"
    assert world.row(theirs) is None
    assert world.row(wrong) is None
    assert worker.held(wrong) is False
    assert worker.causes == ["claim_lost"]


@scenario
def lost_claim_is_seen_within_one_tick(world: World) -> None:
    """After a rescue the next beat brings `lost`: the work is cancelled, and its outcome is reported."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)

    assert world.rescue(claim)
    rescued_at = time.monotonic()

    assert worker.cancelled(claim) == "claim_lost"
    assert worker.cancelled_at(claim) - rescued_at < 1.5 * INTERVAL + world.slack()
    assert worker.held(claim) is False
    until(lambda: (world.row(claim) or {})["outcome"] == "completed", "the keeper to be told of the end")


@scenario
def river_takes_the_claim_away_itself(world: World) -> None:
    """Also a rescue that knows nothing of heartbeats ends the claim."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("UPDATE river_job SET state = 'retryable'")

    assert worker.cancelled(claim) == "claim_lost"
    assert worker.held(claim, "failed") is False


@scenario
def stop_requested_is_no_loss(world: World) -> None:
    """A job that is requested to stop is cancelled once, with a cause of its own, and holds its claim."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now()")

    assert worker.cancelled(claim) == "stop_requested"
    worker.beats(2)
    assert worker.held(claim, "failed") is True
    assert worker.causes == ["stop_requested"]


@scenario
def job_completes_itself(world: World) -> None:
    """A job that completed in its own transaction is beaten for no more, and not cancelled."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.sql.execute("UPDATE river_job SET state = 'completed', finalized_at = now()")
    worker.beats(2)
    row = world.row(claim)
    worker.beats(2)

    assert world.row(claim) == row
    assert worker.causes == []
    assert worker.held(claim) is True


@scenario
def result_carries_the_claim_as_its_token(world: World) -> None:
    """To the microsecond, and in the client row too; the database takes it, and it does not stay in the job's row."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    within = 30.0  # seconds; a client asks each minute anyway, and that must not be what the test sees
    until(world.reports_fences, "the client to say that it fences", within)

    result = worker.end(claim)
    assert (result["token"], result["held"]) == (claim["attempted_at"], True)
    job = world.write(result)
    assert (job["state"], job["metadata"]) == ("completed", {})
    until(lambda: (world.row(claim) or {})["outcome"] == "completed", "the end to be told")


@scenario
def late_result_is_dropped(world: World) -> None:
    """It carries the token of the lost claim, so the next attempt's row stays as it is."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.rescue(claim)
    world.claim_again(claim)
    job = world.job(claim)

    result = worker.end(claim)
    assert result["token"] == claim["attempted_at"]
    assert world.write(result) == job


@scenario
def without_the_fence_a_client_is_plain(world: World) -> None:
    """No token, and its row reports that: a late result reaches the next attempt, and Riverkeeper waits longer."""
    world.remove_fence()
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.reports_fences() is False
    assert world.rescue(claim)
    world.claim_again(claim)

    result = worker.end(claim)
    assert result["token"] is None
    assert world.write(result)["state"] == "completed"


@scenario
def fence_comes_and_goes_while_a_job_runs(world: World) -> None:
    """A new connection asks again; work that began before carries a token too."""
    world.remove_fence()
    worker, proxy = world.through_proxy()
    before, after = world.claims(2)
    for claim in (before, after):
        worker.start(claim)
        world.beaten(claim)
    world.install_fence()
    proxy.cut()
    within = 30.0  # seconds; a client asks each minute anyway, and that must not be what the test sees
    until(world.reports_fences, "the client to say that it fences", within)
    assert worker.end(before)["token"] == before["attempted_at"]
    world.sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
    proxy.cut()
    until(lambda: not world.reports_fences(), "the client to say that it does not", within)

    assert worker.end(after)["token"] is None


@scenario
def idle_process_beats(world: World) -> None:
    """From its start, and before it ever had a job."""
    worker = world.worker()
    sql = "SELECT client_id FROM riverkeeper.client WHERE beat_at > started_at"
    until(lambda: world.rows(sql) == [{"client_id": "worker"}], "the process to beat")
    worker.beats(2)


@scenario
def job_that_ends_between_ticks_writes_nothing(world: World) -> None:
    """Its process is its sign of life until its first tick."""
    worker = world.worker(interval=20.0)
    until(lambda: world.rows("SELECT FROM riverkeeper.client"), "the process to beat")
    claim = world.claim()
    worker.start(claim)

    assert worker.end(claim)["token"] == claim["attempted_at"], "its result may be late all the same"
    assert world.rows("SELECT FROM riverkeeper.heartbeat") == []


@scenario
def progress_is_reported_by_the_job_alone(world: World) -> None:
    """Beats without progress leave it empty; reported progress goes with the next beat, and only with that one."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    assert world.beats_again(claim)["progress_at"] is None

    worker.progress(claim, 0.25, "a quarter")
    row = until(lambda: row if (row := world.row(claim)) and row["progress_at"] else None, "progress")
    assert (row["progress"], row["note"]) == (0.25, "a quarter")
    later = world.beats_again(claim)
    assert {**row, "beat_at": later["beat_at"]} == later

    worker.progress(claim, 0.25, "a quarter")
    until(lambda: (world.row(claim) or {})["progress_at"] > row["progress_at"], "the same number to be progress too")


@scenario
def a_thousand_claims_in_one_process(world: World) -> None:
    """One statement beats for all."""
    worker = world.worker(interval=2 * INTERVAL)
    claims = world.claims(1000)
    for claim in claims:
        worker.start(claim)

    sql = "SELECT count(*), count(DISTINCT beat_at) AS beats FROM riverkeeper.heartbeat"
    until(lambda: world.rows(sql) == [{"count": 1000, "beats": 1}], "a beat that names all")
    assert worker.causes == []
    assert worker.held(claims[0]) is True
    assert worker.held(claims[-1]) is True


@scenario
def two_processes_share_a_client_id(world: World) -> None:
    """Each is an instance of its own; one that ends takes nothing from the other."""
    one, other = world.worker(), world.worker()
    first, second = world.claims(2)
    one.start(first)
    other.start(second)
    rows = [world.beaten(first), world.beaten(second)]

    assert len({row["instance"] for row in rows}) == 2
    clients = world.rows("SELECT client_id, instance FROM riverkeeper.client")
    assert {row["instance"] for row in rows} == {client["instance"] for client in clients}
    assert {client["client_id"] for client in clients} == {"worker"}
    assert one.held(first) is True
    assert world.beats_again(second)["instance"] == rows[1]["instance"]
    assert other.causes == []


@scenario
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
    result = worker.end(earlier, "failed")
    assert (result["token"], result["held"]) == (earlier["attempted_at"], False)
    assert world.write(result)["state"] == "running"
    world.beaten(later)
    assert worker.held(later) is True
    assert worker.causes == ["claim_lost"]


@scenario
def frozen_process_finds_its_claim_gone(world: World) -> None:
    """A process stopped for longer than its lease cancels when it thaws, and its result is late."""
    worker = world.program()
    claim = world.claim()
    worker.start(claim, lease=LEASE)
    world.beaten(claim)
    with worker.frozen():
        sql = "SELECT FROM riverkeeper.heartbeat WHERE beat_at < clock_timestamp() - make_interval(secs => %s)"
        until(lambda: world.rows(sql, [LEASE + INTERVAL]), "the lease to be over")
        assert world.rescue(claim)
        world.claim_again(claim)

    assert worker.cancelled(claim) in {"lease_expired", "claim_lost"}
    assert world.write(worker.end(claim))["state"] == "running"
