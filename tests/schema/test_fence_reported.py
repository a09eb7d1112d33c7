"""The fence as it is shown and reckoned with: waits, pages, metrics, `check`; and its dropped results, counted once."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.check import check_url
from fixtures.fence import TOKEN, claim, reclaim, result, token_of
from fixtures.fence import rescue as take
from fixtures.rescue import SCHEMAS, TIER, Scene
from fixtures.scrape import page_of, read
from riverkeeper.doctor.report import Level
from riverkeeper.postgres.connection import Database
from riverkeeper.rescue.audit.follow_up import AuditMaintenance
from riverkeeper.rescue.request import Rescued
from riverkeeper.schema.fence import remove_fence
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.web.pages.front import describe_target

DISABLED = "ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence"


def waits(scene: Scene) -> float:
    """Seconds that a job waits of a worker whose client reports that it attaches tokens."""
    taken = scene.stale()
    done = scene.rescue(taken)
    assert isinstance(done, Rescued)
    assert done.scheduled_at is not None
    return done.scheduled_at - done.at


def evidence(scene: Scene) -> dict[str, Any]:
    return dict(scene.one("SELECT evidence FROM riverkeeper.rescue ORDER BY id DESC LIMIT 1")["evidence"])


def test_the_wait_is_by_what_is_in_force_at_the_write(scene: Scene) -> None:
    """A client that attaches tokens waits the shorter fence only where the database judges by them."""
    fenced = waits(scene)
    assert evidence(scene)["fence_in_force"] is True
    scene.sql.execute(DISABLED)
    plain = waits(scene)

    assert evidence(scene)["fence_in_force"] is False
    assert evidence(scene)["fences"] is False
    assert (round(fenced), round(plain)) == (round(TIER.fence), round(TIER.plain_fence))


@pytest.mark.parametrize(
    ("client_id", "software", "guarded"),
    [
        ("java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10", "plain orders", True),
        ("worker-1", "riverbeat-js/0.1.0", True),
        ("worker-1", "plain orders", False),
        ("web-1_2026_08_07T15_00_00_000000", "riverbeat-js/0.1.0", False),
    ],
)
def test_a_river_that_guards_results_itself_counts_as_fenced(
    scene: Scene, client_id: str, software: str, guarded: bool
) -> None:
    """Java by the form of its ids, JavaScript by its heartbeat client; without a trigger, and without a token."""
    scene.sql.execute(DISABLED)
    claim = scene.stale()
    scene.sql.execute("UPDATE river_job SET attempted_by = ARRAY[%s]", [client_id])
    scene.sql.execute(
        "UPDATE riverkeeper.client SET client_id = %s, software = %s, fences = false", [client_id, software]
    )
    outcome = scene.rescue(claim)

    assert isinstance(outcome, Rescued)
    assert round((outcome.scheduled_at or 0) - outcome.at) == round(TIER.fence if guarded else TIER.plain_fence)
    found = evidence(scene)
    assert (found["fences"], found["river_guards"], found["fence_in_force"]) == (guarded, guarded, False)


def fact(snapshot: Snapshot) -> str:
    return dict(describe_target(snapshot))["Fence"]


def test_what_is_in_force_is_shown(scene: Scene) -> None:
    """On the front page, on /metrics and by `check`, live; a note names what to do."""
    snapshot = read(scene.url)
    assert fact(snapshot).startswith("the fence on public.river_job is in force")
    assert page_of(snapshot).value("riverkeeper_fence_installed") == 1
    assert not any("fence" in note for note in snapshot.notices)

    scene.sql.execute(DISABLED)
    snapshot = read(scene.url)
    assert fact(snapshot) == "the fence is not in force: trigger riverkeeper_fence on public.river_job is disabled"
    assert page_of(snapshot).value("riverkeeper_fence_installed") == 0
    assert any("riverkeeper schema fence install" in note for note in snapshot.notices)


def test_check_names_who_must_do_what(scene: Scene) -> None:
    """A fence that was never there is missing, a broken one a problem; each with the command and its login."""
    for break_it, level in (
        (lambda: None, Level.OK),
        (lambda: scene.sql.execute(DISABLED), Level.PROBLEM),
        (lambda: remove_fence(scene.url, None, None), Level.MISSING),
    ):
        break_it()
        [found] = [finding for finding in check_url(scene.url).findings if finding.topic == "fence"]
        assert found.level is level
        if level is not Level.OK:
            assert "a late result may end the next attempt" in found.message
            assert 'riverkeeper schema fence install   (as login "postgres"' in str(found.fix)


class Ground:
    """The connection of a replica."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, "chores")

    def writing(self, seconds: float) -> Any:
        return self.database.writing(seconds, SCHEMAS)


def test_dropped_results_are_counted_once(scene: Scene) -> None:
    """By whichever replica looks first; those that came later are counted then."""
    active, other = Ground(scene.url), Ground(scene.url)
    for outcome in ("completed", "failed", "failed"):
        job = claim(scene.sql)["job_id"]
        first = token_of(scene.sql, job)
        take(scene.sql, job)
        reclaim(scene.sql, job)
        result(scene.sql, job, outcome, **{TOKEN: first})

    counted = AuditMaintenance().count_late_results(active)  # type: ignore[arg-type]
    assert counted == {("default", "report", "completed"): 1, ("default", "report", "failed"): 2}
    assert AuditMaintenance().count_late_results(other) == {}  # type: ignore[arg-type]
    active.database.close()
    other.database.close()
