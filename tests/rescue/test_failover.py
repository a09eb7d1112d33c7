"""A standby is promoted that lacks the last commits: what is lost with them, and what must not happen for it.

Two real servers, asynchronous streaming replication that ends a while before the primary does. Times are a twentieth
of the defaults (see keepers.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.contract import connected
from fixtures.failover import Story, beats, configured, ids
from fixtures.fence import gets_out
from fixtures.replicas import TIMEOUT, Look, Worker, beating, keeping
from fixtures.standby import Pair, paired, replayed
from fixtures.waiting import until

# Only the commit of a rescue waits for the standby, however long that takes.
HANGS = """
CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM set_config('synchronous_commit', 'remote_apply', true); RETURN NULL; END $$;
CREATE TRIGGER hang AFTER INSERT ON riverkeeper.rescue FOR EACH ROW EXECUTE FUNCTION hang();
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with (
        paired() as pair,
        connected(pair.primary.database_url("river")) as old,
        connected(pair.standby.database_url("river")) as new,
    ):
        with beating(pair.way.url, old) as fleet, keeping(configured(tmp_path_factory.mktemp("keeper"), pair.way.url)):
            story = Story(pair, fleet, Look(old), Look(new))
            story.lose()
            story.fail_over()
            story.go_on()
        yield story


def test_no_claim_is_rescued_before_a_full_timeout_on_the_new_server(story: Story) -> None:
    """All its beats were old at first. Who beats within the timeout, at once or late, keeps its jobs."""
    first = story.new.one("SELECT min(at) AS at FROM riverkeeper.rescue")["at"]

    assert story.proven["path_server"] != story.before["path_server"]
    assert story.proven["path_ok_since"] > story.before["path_probe_at"]
    assert (first - story.proven["path_ok_since"]).total_seconds() > TIMEOUT
    assert story.alive.lost == story.late.lost == set()


def test_a_rescue_that_was_lost_is_made_again_once(story: Story) -> None:
    """The claim runs again on the new server, and no row there shows the rescue."""
    audit = story.new.sql.execute(
        "SELECT job_id, attempt FROM riverkeeper.rescue WHERE NOT dry_run ORDER BY job_id"
    ).fetchall()
    errors = "SELECT DISTINCT cardinality(errors) AS n, state::text FROM river_job WHERE id = ANY (%(ids)s)"

    assert [(row["job_id"], row["attempt"]) for row in audit] == [(job_id, 1) for job_id in sorted(ids(story.dead))]
    assert story.committed == [False, True]
    assert story.new.one(errors, {"ids": ids(story.dead)}) == {"n": 1, "state": "available"}


def test_a_worker_whose_claim_was_lost_learns_it_and_writes_no_result(story: Story) -> None:
    """Its claim, or its whole job, has never been, and the database drops its result."""
    assert story.second.lost == set(ids(story.second)) == set(ids(story.dead) + ids(story.away))
    assert story.fresh.lost == set(ids(story.fresh))
    assert {gets_out(story.new.sql, claim) for claim in [*story.second.claims, *story.fresh.claims]} == {False}


def test_a_worker_that_never_learned_of_its_rescue_goes_on(story: Story) -> None:
    """Its claim was taken away on the old server only; on the new one it beats in time, and its result gets out."""
    assert story.away.lost == set()
    assert {gets_out(story.new.sql, claim) for claim in story.away.claims} == {True}


def test_a_dry_run_that_was_lost_is_written_down_again(story: Story) -> None:
    """The replica's memory of it is no reason not to."""
    dry = story.new.one("SELECT job_id, attempt FROM riverkeeper.rescue WHERE dry_run")

    assert dry == {"job_id": ids(story.trial)[0], "attempt": 1}


def test_a_pause_and_a_wake_are_lost_with_the_commits(story: Story) -> None:
    """As docs/reliability.md has it: after a failover an operator checks a pause, and repeats it."""
    assert story.new.control()["stopped_at"] is None
    assert story.new.sql.execute("SELECT FROM riverkeeper.wake").fetchall() == []


@pytest.mark.parametrize(("happens", "reached"), [(Pair.cut, False), (Pair.hold, True)], ids=["lost", "kept"])
def test_a_commit_of_unknown_outcome_is_resolved_by_the_server_that_is_there(
    happens: Callable[[Pair], None], reached: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The primary dies while a rescue commits; whether the standby had it only the new primary knows.

    The replica finds that one by itself, from a URL with both hosts.
    """
    with (
        paired() as pair,
        connected(pair.primary.database_url("river")) as old,
        connected(pair.standby.database_url("river")) as new,
        beating(pair.hosts, old) as fleet,
        keeping(configured(tmp_path, pair.hosts)),
    ):
        dead, alive, logged = fleet.worker(1), fleet.worker(1), list[str]()
        rescue_and_hang(pair, Look(old), happens, dead)
        until(lambda: not reached or replayed(pair.primary, pair.standby, "received"), "the standby to have it")
        died = Look(old).one("SELECT clock_timestamp() AS at")["at"]
        pair.fail_over()
        until(lambda: has_logged(capsys, logged, "commit outcome was unknown"), "the doubt to be settled")
        until(lambda: Look(new).rescued(), "the rescue to be there, or to be made again")

        assert has_logged(capsys, logged, f"commit outcome was unknown.*committed={reached}")
        assert has_logged(capsys, logged, "database server changed")
        assert Look(new).one("SELECT at < %(died)s AS kept FROM riverkeeper.rescue", {"died": died})["kept"] is reached
        assert alive.lost == set()


def has_logged(capsys: pytest.CaptureFixture[str], logged: list[str], what: str) -> bool:
    """Whether the log holds it by now."""
    logged.append(capsys.readouterr().out)
    return re.search(what, "".join(logged)) is not None


def rescue_and_hang(pair: Pair, look: Look, happens: Callable[[Pair], None], dead: Worker) -> None:
    """A rescue is made, and waits with its commit for the standby, whose answer never comes."""
    pair.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    pair.primary.execute(f"SELECT pg_reload_conf(); {HANGS}", "river")
    until(lambda: beats(look) == 2 and look.counts_for(0.0), "the path to be proven, and both to beat")
    happens(pair)
    dead.alive = False
    waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    until(lambda: look.one(waiting)["n"], "its commit to wait")
