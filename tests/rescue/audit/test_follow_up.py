"""After a rescue: whether the previous worker was alive is found out, recorded, and counted once."""

from __future__ import annotations

from typing import cast

import pytest

from conformance.floor import Event
from fixtures.contenders import COMPLETE, FAIL, RIVERS_RESCUE, SNOOZE, At
from fixtures.contract import beat, end
from fixtures.rescue import Scene
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.follow_up import FalseRescue, follow_up
from riverkeeper.rescue.audit.outcome import PreviousWorker
from riverkeeper.rescue.request import Rescued
from riverkeeper.verdict.verdict import Reason


def watch(scene: Scene) -> list[PreviousWorker]:
    """One pass: false rescues that it reports."""
    with scene.keeping() as tx:
        return [late.previous_worker for late in follow_up(tx).false_rescues]


def rescued(scene: Scene, claim: Event, *, dry_run: bool = False) -> Event:
    assert isinstance(scene.rescue(claim, dry_run=dry_run), Rescued)
    assert watch(scene) == []
    return claim


def last(scene: Scene) -> tuple[str | None, str | None, bool]:
    """The newest row's fields of the previous worker, its outcome, and whether it is closed."""
    row = scene.audit()[-1]
    return row["old_worker"], row["old_outcome"], row["closed_at"] is not None


def later(scene: Scene, time: str) -> None:
    scene.sql.execute("UPDATE riverkeeper.rescue SET at = at - %s::interval", [time])


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
def test_a_worker_that_beats_again_was_alive(scene: Scene, make: object) -> None:
    """Its process is seen after the rescue: counted once, also where the work ends later, which closes the row."""
    claim = rescued(scene, make(scene))  # type: ignore[operator]
    assert beat(scene.sql, [claim]) == {claim["job_id"]: "lost"}

    assert watch(scene) == [PreviousWorker.BEAT]
    assert last(scene) == ("beat", None, False)
    assert watch(scene) == []
    end(scene.sql, [claim])
    assert watch(scene) == []
    assert last(scene) == ("finished", "completed", True)


def test_a_worker_that_ends_late_was_alive(scene: Scene) -> None:
    """Its work returned after the claim was lost; the counter's labels come with it."""
    claim = rescued(scene, scene.stale())
    end(scene.sql, [claim])
    with scene.keeping() as tx:
        late = follow_up(tx).false_rescues

    assert late == (FalseRescue("default", "report", Reason.WORKER_LOST, False, PreviousWorker.FINISHED),)
    assert last(scene) == ("finished", "completed", True)


def test_an_end_before_the_rescue_is_no_late_one(scene: Scene) -> None:
    """A worker that gave up and reported it was not alive afterwards."""
    claim = scene.stale()
    end(scene.sql, [claim])
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET ended_at = ended_at - interval '1 min'")
    rescued(scene, claim)
    later(scene, "10 min")
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET ended_at = ended_at - interval '10 min'")
    scene.sql.execute("UPDATE riverkeeper.client SET beat_at = beat_at - interval '10 min'")

    assert watch(scene) == []
    assert last(scene) == ("silent", None, True)


LATE = """INSERT INTO riverkeeper.late_result (job_id, claimed_at, queue, kind, outcome, row_state, row_attempt)
    VALUES (%(job_id)s, %(attempted_at)s, 'default', 'report', %(outcome)s, 'running', 2)"""


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
def test_a_result_that_the_fence_dropped_shows_that_the_worker_was_alive(scene: Scene, make: object) -> None:
    """Also of a claim that never beat, whose worker could leave no other trace."""
    claim = rescued(scene, make(scene))  # type: ignore[operator]
    scene.sql.execute(LATE, claim | {"outcome": "completed"})

    assert watch(scene) == [PreviousWorker.FINISHED]
    assert last(scene) == ("finished", "completed", True)
    assert scene.audit()[-1]["was_false"] is True


def test_a_result_that_comes_after_the_row_was_closed_still_counts(scene: Scene) -> None:
    """A partition may last longer than the ten minutes: counted once, when it comes."""
    claim = rescued(scene, scene.stale())
    later(scene, "10 min")
    assert watch(scene) == []
    assert scene.audit()[-1]["was_false"] is False
    scene.sql.execute(LATE, claim | {"outcome": "completed"})

    assert watch(scene) == [PreviousWorker.FINISHED]
    assert watch(scene) == []
    assert scene.audit()[-1]["was_false"] is True


# What River for Java writes for a result: by attempt and attempted_at, in any state.
ADD_ERROR = """UPDATE river_job SET state = 'retryable', errors = errors
    || jsonb_build_object('at', '2026-01-01T00:00:00Z', 'attempt', %(of)s::int, 'error', 'no', 'trace', '')"""
JAVA_RESULTS = {
    "completed": """UPDATE river_job SET state = 'completed', finalized_at = now()
        WHERE id = %(job_id)s AND attempt = %(attempt)s AND attempted_at = %(attempted_at)s::timestamptz""",
    "failed": ADD_ERROR + " WHERE id = %(job_id)s AND attempt = %(attempt)s AND attempted_at = %(attempted_at)s",
    "snoozed": """UPDATE river_job SET state = 'scheduled', attempt = attempt - 1
        WHERE id = %(job_id)s AND attempt = %(attempt)s AND attempted_at = %(attempted_at)s::timestamptz""",
}
RECLAIM = "UPDATE river_job SET state = 'running', attempt = 2, attempted_at = now()"


@pytest.mark.parametrize("outcome", JAVA_RESULTS)
def test_a_result_that_java_writes_into_a_rescued_job_is_found(scene: Scene, outcome: str) -> None:
    """It comes before the next attempt, and stands: work that is done is not done again. The rescue was false."""
    claim = rescued(scene, scene.stale())
    assert scene.sql.execute(JAVA_RESULTS[outcome], claim | {"of": 1}).rowcount == 1

    assert watch(scene) == [PreviousWorker.FINISHED]
    assert last(scene) == ("finished", outcome, True)
    assert scene.audit()[-1]["was_false"] is True


@pytest.mark.parametrize("outcome", JAVA_RESULTS)
def test_no_result_of_java_reaches_the_next_attempt(scene: Scene, outcome: str) -> None:
    """Its condition names the attempt. A job that completes in its next attempt shows nothing about the one before."""
    claim = rescued(scene, scene.stale())
    scene.sql.execute(RECLAIM)

    assert scene.sql.execute(JAVA_RESULTS[outcome], claim | {"of": 1}).rowcount == 0
    scene.sql.execute("UPDATE river_job SET state = 'completed', finalized_at = now()")
    assert watch(scene) == []
    assert last(scene) == (None, None, False)


def test_an_error_that_lands_in_the_next_attempt_is_found(scene: Scene) -> None:
    """River for Go without the fence writes it there, with the number of the attempt that it belongs to."""
    rescued(scene, scene.stale())
    scene.sql.execute(RECLAIM)
    assert watch(scene) == []
    scene.sql.execute("ALTER TABLE river_job DISABLE TRIGGER USER")
    scene.sql.execute(ADD_ERROR, {"of": 1})
    scene.sql.execute("ALTER TABLE river_job ENABLE TRIGGER USER")

    assert watch(scene) == [PreviousWorker.FINISHED]
    assert last(scene) == ("finished", "failed", True)


def test_an_error_of_another_attempt_shows_nothing(scene: Scene) -> None:
    """Nor does an error that was there before the rescue."""
    claim = scene.stale()
    scene.sql.execute("UPDATE river_job SET errors = '{}'")
    scene.sql.execute(ADD_ERROR, {"of": 1})
    scene.sql.execute("UPDATE river_job SET state = 'running'")
    rescued(scene, claim)
    scene.sql.execute(RECLAIM)
    scene.sql.execute(ADD_ERROR, {"of": 2})

    assert watch(scene) == []
    assert last(scene) == (None, None, False)


def test_a_leased_worker_that_gave_up_was_no_false_rescue(scene: Scene) -> None:
    """Its lease ended its work before the rescue: it beats again when the database is back, and reports its end."""
    claim = scene.stale()
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET lease = '25 s'")
    rescued(scene, claim)
    beat(scene.sql, [claim])
    assert watch(scene) == []
    assert last(scene) == ("beat", None, False)
    end(scene.sql, [claim])
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET outcome = 'abandoned'")

    assert watch(scene) == []
    assert last(scene) == ("finished", "abandoned", True)
    assert scene.audit()[-1]["was_false"] is False


def test_a_dead_worker_shows_no_sign_of_life(scene: Scene) -> None:
    """Nothing comes for as long as there is a row to write it in: closed as `silent`."""
    rescued(scene, scene.stale())
    later(scene, "9 min")
    assert watch(scene) == []
    assert last(scene) == (None, None, False)
    later(scene, "1 min")

    assert watch(scene) == []
    assert last(scene) == ("silent", None, True)


def test_a_client_that_does_not_beat_stays_unknown(scene: Scene) -> None:
    """A metadata beat leaves no trace on a lost claim: nobody can say, so nobody does."""
    claim = scene.claim()
    claim = scene.earlier(claim)
    scene.change(claim, metadata={"health_check_at": claim["attempted_at"]})
    rescued(scene, claim)
    later(scene, "10 min")

    assert watch(scene) == []
    assert last(scene) == ("unknown", None, True)


@pytest.mark.parametrize(("outcome", "found"), [("failed", []), ("completed", [PreviousWorker.FINISHED])])
def test_a_hung_worker_that_stops_on_request_proves_nothing(
    scene: Scene, outcome: str, found: list[PreviousWorker]
) -> None:
    """It was alive, as everybody knew. Only work that completed after all shows that it was not stuck."""
    claim = scene.hung()
    assert isinstance(scene.rescue(claim), Rescued)
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now() - interval '2 min'")
    rescued(scene, claim)
    beat(scene.sql, [claim])
    assert watch(scene) == []
    end(scene.sql, [claim])
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET outcome = %s", [outcome])

    assert watch(scene) == found
    assert last(scene) == ("finished", outcome, True)


def test_a_stop_that_was_obeyed_is_no_false_rescue(scene: Scene) -> None:
    """The row of a stop is closed by the end of the work, and counts for nothing."""
    claim = rescued(scene, scene.hung())
    scene.sql.execute(COMPLETE, claim)
    end(scene.sql, [claim])

    assert watch(scene) == []
    assert last(scene) == ("finished", "completed", True)


@pytest.mark.parametrize("ends", [True, False], ids=["ends", "hangs on"])
def test_a_stop_that_was_not_obeyed_in_time(scene: Scene, ends: bool) -> None:
    """The rescue that follows ends the attempt in the job's row, and the work may end later: both rows show it."""
    claim = rescued(scene, scene.hung())
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now() - interval '2 min'")
    rescued(scene, claim)
    beat(scene.sql, [claim])
    assert [row["old_worker"] for row in scene.audit()] == [None, None]
    if ends:
        end(scene.sql, [claim])
        scene.sql.execute("UPDATE riverkeeper.heartbeat SET outcome = 'failed'")
    else:
        later(scene, "10 min")

    assert watch(scene) == []
    found = [(row["action"], row["old_worker"], row["old_outcome"], row["was_false"]) for row in scene.audit()]
    outcome = ("finished", "failed", False) if ends else ("silent", None, False)
    assert found == [("stop", *outcome), ("retry", *outcome)]


@pytest.mark.parametrize(
    ("statement", "outcome"), [(COMPLETE, "completed"), (FAIL, "failed"), (SNOOZE, None)], ids=["ok", "fail", "snooze"]
)
def test_a_dry_run_that_would_have_been_false(scene: Scene, statement: str, outcome: str | None) -> None:
    """The job ended by itself, by its row alone: a false rescue that did not happen."""
    claim = rescued(scene, scene.stale(), dry_run=True)
    scene.sql.execute(statement, claim)

    assert watch(scene) == [PreviousWorker.FINISHED]
    assert last(scene) == ("finished", outcome, True)


def test_a_dry_run_that_was_right(scene: Scene) -> None:
    """Somebody else had to rescue it, River or an operator: the worker really was lost."""
    claim = rescued(scene, scene.stale(), dry_run=True)
    scene.sql.execute(RIVERS_RESCUE, claim)

    assert watch(scene) == []
    assert last(scene) == ("silent", None, True)


def test_a_dry_run_whose_job_runs_on(scene: Scene) -> None:
    """Watched for a day; a beat is recorded when it comes."""
    claim = rescued(scene, scene.stale(), dry_run=True)
    scene.sql.execute("UPDATE riverkeeper.client SET beat_at = beat_at - interval '1 day'")
    later(scene, "23 hours")
    assert watch(scene) == []
    assert last(scene) == (None, None, False)
    beat(scene.sql, [claim])
    assert watch(scene) == [PreviousWorker.BEAT]

    later(scene, "2 hours")
    assert watch(scene) == []
    assert last(scene) == ("beat", None, True)


def test_a_deleted_job_proves_nothing(scene: Scene) -> None:
    """Closed as unknown."""
    claim = rescued(scene, scene.stale(), dry_run=True)
    scene.sql.execute("DELETE FROM river_job WHERE id = %(job_id)s", claim)

    assert watch(scene) == []
    assert last(scene) == ("unknown", None, True)


def test_two_replicas_record_an_outcome_once(scene: Scene) -> None:
    """Rows that one has locked the other skips, so the counters of both add up to the truth."""
    claim = rescued(scene, scene.stale())
    end(scene.sql, [claim])
    other = Database(scene.url)
    with scene.keeping() as tx, scene.keeping(other) as second:
        found = [*follow_up(tx).false_rescues, *follow_up(second).false_rescues]
    with scene.keeping(other) as second:
        found += follow_up(second).false_rescues
    other.close()

    assert len(found) == 1


def test_what_another_replica_recorded_meanwhile_is_not_recorded_again(scene: Scene) -> None:
    """Both have read the open row before one of them closed it."""
    claim = rescued(scene, scene.stale())
    end(scene.sql, [claim])
    other, found = Database(scene.url), list[FalseRescue]()

    def tell() -> None:
        with scene.keeping(other) as second:
            found.extend(follow_up(second).false_rescues)

    with scene.keeping() as tx:
        found.extend(follow_up(cast(Transaction, At(tx, "rescue/audit/write_outcomes", tell))).false_rescues)
    other.close()

    assert len(found) == 1


def test_many_rows_are_read_in_pages(scene: Scene) -> None:
    """A pass reads so many and returns where the next one goes on."""
    for _ in range(3):
        rescued(scene, scene.stale())
    with scene.keeping() as tx:
        first = follow_up(tx, most=2)
        assert first.next_after == scene.audit()[1]["id"]
        assert follow_up(tx, first.next_after, most=2).next_after == 0
