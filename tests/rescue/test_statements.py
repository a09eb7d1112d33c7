"""The writes of a rescue, each by itself: what was locked and judged is checked once more where it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from conformance.floor import Event
from fixtures.rescue import KEEPER, Scene, opened

AUDITED = {
    "at": datetime(2026, 1, 1, tzinfo=UTC).timestamp(), "queue": "default", "kind": "report", "priority": 1,
    "tier": "standard", "evidence": {}, "woken_by": "supervisor", "keeper": str(KEEPER),
}  # fmt: skip


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as scene:
        yield scene


def written(scene: Scene, name: str, *rows: Event) -> int:
    """How many rows a statement reports as written."""
    with scene.keeping() as tx:
        return len(tx.query(name, {"rows": json.dumps(rows)}))


def retried(claim: Event) -> Event:
    return {**claim, "state": "available", "error": {"error": "Stuck job rescued by Riverkeeper"}}


MOVED = pytest.mark.parametrize(
    "moved",
    ["attempt = 2", "attempted_at = attempted_at + '1 microsecond'", "state = 'completed', finalized_at = now()"],
)


@MOVED
def test_a_job_is_locked_under_its_claim_alone(scene: Scene, moved: str) -> None:
    """Who works on another attempt is not kept waiting for a moment."""
    claim, other = scene.claim(), scene.claim()
    scene.sql.execute(f"UPDATE river_job SET {moved} WHERE id = %(job_id)s", claim)  # noqa: S608 - from the list above
    claims = [{**row, "number": number} for number, row in enumerate((claim, other))]
    with scene.keeping() as tx:
        assert [row.number for row in tx.query("rescue/lock_jobs", {"claims": json.dumps(claims)})] == [1]


@MOVED
def test_a_job_is_written_under_its_claim_alone(scene: Scene, moved: str) -> None:
    """Another attempt, another moment of claim, or no running job: left as it is, and missing from the answer."""
    claim, other = scene.claim(), scene.claim()
    scene.sql.execute(f"UPDATE river_job SET {moved} WHERE id = %(job_id)s", claim)  # noqa: S608 - from the list above
    before = scene.job(claim)

    assert written(scene, "rescue/write_jobs", retried(claim), retried(other)) == 1
    assert scene.job(claim) == before
    assert scene.job(other)["state"] == "available"


def test_a_mark_is_set_once(scene: Scene) -> None:
    """The moment at which a claim was lost stands: what its worker did is recorded before and after it."""
    claim = scene.stale()
    assert written(scene, "rescue/mark_lost", claim) == 1
    marked = scene.row(claim)

    assert written(scene, "rescue/mark_lost", claim) == 0
    assert scene.row(claim) == marked


def test_a_stop_is_requested_once_and_of_living_claims(scene: Scene) -> None:
    """A second request would begin stop_grace anew; a claim that is lost reads `lost`, and nothing else."""
    claim, lost = scene.hung(), scene.stale()
    assert written(scene, "rescue/mark_lost", lost) == 1
    assert written(scene, "rescue/request_stop", claim, lost) == 1
    asked = scene.row(claim)

    assert written(scene, "rescue/request_stop", claim) == 0
    assert scene.row(claim) == asked
    assert asked
    assert asked["stop_requested_at"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("action", ["retry", "stop"])
def test_the_audit_has_an_act_once(scene: Scene, dry_run: bool, action: str) -> None:
    """A rescue, a request to stop, a dry run of one reason: the second row of the same is not there."""
    act = {**AUDITED, **scene.claim(), "dry_run": dry_run, "action": action, "reason": "worker_lost"}
    assert [written(scene, "rescue/audit/write_audit", act) for _ in range(2)] == [1, 0]

    others = [{**act, "reason": "hung"}, {**act, "dry_run": not dry_run}, {**act, "action": "cancel"}]
    assert [written(scene, "rescue/audit/write_audit", entry) for entry in others] == (
        [1, 1, 0] if dry_run else [0, 1, int(action == "stop")]
    )
