"""The Python client as its users meet it, against a real server; the contract itself is tested in tests/conformance."""

# ruff: noqa: PT012 - that a block of work ends with an exception is what is tested

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from conformance.world import CLAIM_AGAIN
from fixtures.beating_job import INTERVAL, Scene, opened
from fixtures.contract import claims_of, connected
from fixtures.waiting import until
from riverkeeper.heartbeat import (
    Beater,
    Claim,
    ClaimLost,
    ClaimVerification,
    HeartbeatTier,
    Outcome,
    beating,
)
from riverkeeper.schema.fence import remove_fence


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as made:
        yield made


def test_a_block_beats_and_reports_how_it_ended(scene: Scene) -> None:
    """attempted_at is queried where it is not given; a block that ends is completed."""
    with scene.beater.beating(scene.job["job_id"], 1) as beat:
        beat.progress(0.4, "two of five")
        scene.beaten()

    assert beat.claim == scene.claim
    assert scene.outcome() == "completed"


def test_a_block_takes_a_datetime(scene: Scene) -> None:
    """As a driver returns it."""
    with scene.beater.beating(scene.claim.job_id, 1, datetime.fromisoformat(scene.claim.attempted_at)) as beat:
        assert beat.claim == scene.claim


def test_a_block_that_raises_has_failed(scene: Scene) -> None:
    """The exception goes on as it was: the claim is ours, and a failure is a result."""
    with pytest.raises(ZeroDivisionError), scene.beater.beating(**scene.job):
        scene.beaten()
        raise ZeroDivisionError

    assert scene.outcome() == "failed"


def test_a_block_of_a_lost_claim_ends_with_claim_lost(scene: Scene) -> None:
    """However it ends: then no result may be written. Its own exception is the cause."""
    with pytest.raises(ClaimLost) as caught, scene.beater.beating(**scene.job) as beat:
        scene.beaten()
        scene.rescue()
        assert beat.stopped.wait(10)
        raise ZeroDivisionError

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert scene.outcome() == "failed"


def test_a_job_that_is_not_ours_is_not_begun(scene: Scene) -> None:
    """Where the claim is queried and there is none."""
    with pytest.raises(ClaimLost, match="does not run under this client"), scene.beater.beating(10**9, 1):
        pytest.fail("the block began")


def test_a_process_that_is_stopped_gives_its_claims_up(scene: Scene) -> None:
    """KeyboardInterrupt and SystemExit go on at once, and leave the job to be rescued."""
    with pytest.raises(KeyboardInterrupt), scene.beater.beating(**scene.job):
        scene.beaten()
        raise KeyboardInterrupt

    assert scene.outcome() == "abandoned"


def test_a_claim_at_work_is_beaten_for_after_close(scene: Scene) -> None:
    """A job that runs must not look dead; new claims are refused, and closing twice is closing."""
    beat = scene.beater.begin(scene.claim)
    before = scene.beaten()["beat_at"]
    scene.beater.close()
    scene.beater.close()
    until(lambda: (scene.row() or {})["beat_at"] > before, "another beat")
    with pytest.raises(RuntimeError, match="closed"):
        scene.beater.begin(Claim(**claims_of(scene.sql, 1)[0]))

    assert scene.beater.finish(beat, Outcome.COMPLETED) is True
    assert scene.outcome() == "completed"


def test_a_claim_ends_once(scene: Scene) -> None:
    """A second end would report another outcome."""
    beat = scene.beater.begin(scene.claim)
    scene.beaten()
    assert scene.beater.finish(beat, Outcome.COMPLETED) is True
    with pytest.raises(RuntimeError, match="ended already"):
        scene.beater.finish(beat, Outcome.FAILED)

    assert scene.outcome() == "completed"


@pytest.mark.parametrize("installed", [True, False])
def test_the_first_block_knows_whether_its_result_needs_a_token(
    installed_url: str, scene: Scene, installed: bool
) -> None:
    """It waits for the first answer of the database; without the fence no token is left over in the job's metadata."""
    if not installed:
        remove_fence(installed_url, None, None)
    with (
        Beater(installed_url, "worker", tier=HeartbeatTier(INTERVAL), fences=True) as beater,
        beater.beating(**scene.job) as beat,
    ):
        assert beat.token == (scene.claim.attempted_at if installed else None)


def test_an_urgent_claim_does_not_wait_for_a_patient_ones_pause(installed_url: str, scene: Scene) -> None:
    """Its first beat comes within its own interval, long before its process would have beaten again."""
    with Beater(installed_url, "patient", tier=HeartbeatTier(600)) as patient:
        until(lambda: patient.beats == 1, "the process to beat")
        beat = patient.begin(scene.claim, HeartbeatTier(INTERVAL, 5))
        scene.beaten()
        assert patient.finish(beat, Outcome.COMPLETED) is True


def test_a_claim_waits_for_the_earlier_attempt(scene: Scene) -> None:
    """The next attempt's work begins when the earlier one in this process has returned, and not before."""
    first = scene.beater.begin(scene.claim)
    again = scene.sql.execute(CLAIM_AGAIN, [scene.claim.job_id]).fetchone()
    assert again
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(scene.beater.begin, Claim(**again))
        assert first.stopped.wait(10)
        with pytest.raises(TimeoutError):
            second.result(3 * INTERVAL)
        scene.beater.abandon(first)
        scene.beater.abandon(second.result(10))


def test_beats_in_the_metadata_need_no_table(river_url: str) -> None:
    """The job's row carries the beat; a claim that is gone is lost, one that is locked is not; odd metadata stays."""
    with (
        connected(river_url) as sql,
        Beater(river_url, "worker", tier=HeartbeatTier(INTERVAL), metadata=True) as beater,
    ):
        claims = claims_of(sql, 4)
        odd, locked, gone, plain = (job["job_id"] for job in claims)
        sql.execute("UPDATE river_job SET metadata = '[1]' WHERE id = %s", [odd])
        with connected(river_url) as other, other.transaction():
            other.execute("SELECT FROM river_job WHERE id = %s FOR UPDATE", [locked])
            beats = [beater.begin(Claim(**job)) for job in claims]
            sql.execute("UPDATE river_job SET state = 'retryable' WHERE id = %s", [gone])
            assert beats[2].stopped.wait(10)
            read = "SELECT metadata ? 'health_check_at' AS beaten FROM river_job WHERE id = %s"
            until(lambda: (sql.execute(read, [plain]).fetchone() or {})["beaten"], "a beat")
        outs = [beater.finish(beat, Outcome.COMPLETED) for beat in beats]

        assert outs == [True, True, False, True]
        assert isinstance(beats[2].reason, ClaimLost)
        assert [beat.reason for beat in beats if beat is not beats[2]] == [None] * 3
        assert sql.execute("SELECT metadata FROM river_job WHERE id = %s", [odd]).fetchone() == {"metadata": [1]}


def test_the_metadata_has_no_lease() -> None:
    """Nobody who rescues could see it."""
    with pytest.raises(ValueError, match="no lease"):
        Beater("postgresql://nowhere", "worker", tier=HeartbeatTier(10, 25), metadata=True)


def test_hold_keeps_the_claim_until_the_effect_has_committed(scene: Scene) -> None:
    """In the user's own transaction; a claim that is over raises, and the effect is rolled back."""
    with connected(scene.url) as theirs:

        def fetch_one(sql: str, values: object) -> object:
            return theirs.execute(sql, values).fetchone()  # type: ignore[call-overload]

        with theirs.transaction():
            ClaimVerification(scene.claim).run(fetch_one)
        scene.sql.execute("UPDATE river_job SET state = 'retryable'")
        with pytest.raises(ClaimLost, match="roll back"), theirs.transaction():
            ClaimVerification(scene.claim).run(fetch_one)


def test_one_job_one_program(scene: Scene) -> None:
    """The short form starts and closes a beater of its own."""
    with beating(scene.url, "worker", scene.job["job_id"], 1, tier=HeartbeatTier(INTERVAL)) as beat:
        beat.progress(0.4)
        scene.beaten()

    assert scene.outcome() == "completed"


def test_a_keeper_schema_of_another_river_is_named(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Both schemas stand in the one sentence that is logged, however often it is tried."""
    with Beater(
        scene.url, "worker", river_schema="other", keeper_schema="riverkeeper", tier=HeartbeatTier(INTERVAL)
    ) as beater:
        until(lambda: beater.failures > 3, "beats to fail")
    said = [record.getMessage() for record in caplog.records if "belongs to" in record.getMessage()]

    assert len(said) == 1
    assert 'keeper schema "riverkeeper" belongs to River schema "public", not to "other"' in said[0]


def test_a_forked_child_cannot_use_its_parents_beater(installed_url: str) -> None:
    """It has neither the threads nor an instance of its own; closing there leaves the parent's connection alone.

    The interval is long: no beat may fail here because this machine is busy.
    """
    with opened(installed_url, interval=4.0) as scene:
        until(lambda: scene.beater.beats, "the first beat")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                scene.beater.close()
                scene.beater.begin(scene.claim)
            except RuntimeError as error:
                code = 0 if "fork" in str(error) else 2
            finally:
                os._exit(code)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        beats = scene.beater.beats
        until(lambda: scene.beater.beats > beats, "the parent to beat on")
        assert scene.beater.failures == 0
