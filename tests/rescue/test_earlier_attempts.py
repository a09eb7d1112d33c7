"""What a job's past means for a rescue: earlier attempts of it, what they have left behind, rescues of long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fixtures.contenders import FAIL, FETCH
from fixtures.rescue import Scene
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.verdict.verdict import Reason

EARLIER = """INSERT INTO riverkeeper.rescue (at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier,
        reason, action, evidence, woken_by, keeper)
    SELECT now() - %(ago)s::interval, %(dry_run)s, id, attempted_at - n * interval '1 day', 1, queue, kind, 1,
        'standard', 'worker_lost', %(action)s, '{}', 'supervisor', gen_random_uuid()
    FROM river_job, generate_series(1, 3) AS n WHERE id = %(job_id)s"""


@pytest.mark.parametrize(
    ("ago", "dry_run", "action", "reason"),
    [
        ("1 hour", False, "retry", Reason.RESCUE_LOOP),
        ("25 hours", False, "retry", Reason.WORKER_LOST),
        ("1 hour", True, "retry", Reason.WORKER_LOST),
        ("1 hour", False, "stop", Reason.WORKER_LOST),
    ],
)
def test_rescues_of_yesterday_make_no_loop(scene: Scene, ago: str, dry_run: bool, action: str, reason: Reason) -> None:
    """Acting rescues of a day count, under the locks as in a reading; dry runs and stops took nothing away."""
    claim = scene.stale()
    scene.sql.execute(EARLIER, {**claim, "ago": ago, "dry_run": dry_run, "action": action})

    assert scene.found(claim).verdict.reason is reason


def test_river_s_count_of_rescues_makes_no_loop(scene: Scene) -> None:
    """It outlives JobRetry and snoozes: an operator gave the job another chance."""
    claim = scene.stale(metadata={"river:rescue_count": 9})

    assert scene.found(claim).verdict.reason is Reason.WORKER_LOST


@pytest.mark.parametrize(
    ("dry_run", "locks_jobs"),
    [(False, True), (True, True), (True, False)],
    ids=["live", "dry run", "dry run without a lock"],
)
def test_a_claim_that_is_over_is_gone(scene: Scene, dry_run: bool, locks_jobs: bool) -> None:
    """It failed and was claimed anew since it was found: nothing would be done, so no dry run records that it would."""
    claim = scene.stale()
    found = scene.found(claim)
    for statement in (FAIL, FETCH):
        scene.sql.execute(statement, claim)

    assert scene.rescue(claim, found, dry_run=dry_run, locks_jobs=locks_jobs) == Skipped(Refusal.GONE)
    assert scene.audit() == []


def test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none(scene: Scene) -> None:
    """River keeps the key over a retry: the attempt that was claimed a minute ago is not stale for an hour."""
    claim = scene.earlier(scene.claim())
    said = datetime.fromisoformat(claim["attempted_at"])
    scene.change(claim, metadata={"health_check_at": (said - timedelta(minutes=1)).isoformat()})
    assert scene.found(claim).verdict.reason is Reason.UNKNOWN

    scene.change(claim, metadata={"health_check_at": (said + timedelta(minutes=1)).isoformat()})
    assert scene.found(claim).verdict.reason is Reason.WORKER_LOST
