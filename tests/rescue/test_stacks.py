"""Stacks of stuck jobs: requested before a job is stopped, in every mode, and nothing waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.floor import Event
from fixtures.contract import ask, beat
from fixtures.replicas import configured
from fixtures.rescue import Scene
from fixtures.rescue_passes import rescue_pass_by
from fixtures.waiting import until
from rescue.supervisor.test_rescue_pass import seen
from riverkeeper.config.load import Config
from riverkeeper.heartbeat import Beater, HeartbeatTier
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue import stacks
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.stacks import STACKS_OF_A_KIND, choose_requests, read_answer, request_stack, request_stacks
from riverkeeper.rescue.supervisor import rescue_pass
from riverkeeper.rescue.supervisor.rescue_pass import Outcome
from riverkeeper.verdict.job import JobClaim

HUNG = "{heartbeat_timeout: 20m, progress_timeout: 30m, max_run: 7d}"


@pytest.fixture
def config(scene: Scene, tmp_path: Path) -> Config:
    return configured(tmp_path, scene.url, HUNG, interval="1m")


def make_pass(scene: Scene, config: Config) -> list[Outcome]:
    passing = rescue_pass_by(config)
    try:
        return list(passing.run(*seen(scene, config), config))
    finally:
        passing.connection.close()


def requested(scene: Scene, claim: Event) -> object:
    """The moment of the request."""
    return (scene.row(claim) or {})["stack_requested_at"]


def test_a_hung_job_is_requested_its_stack_before_its_stop(scene: Scene, config: Config) -> None:
    """The same beat brings both to the worker, which takes the stack first: the stop is not a second later for it."""
    claim = scene.hung()
    [(_, outcome)] = make_pass(scene, config)
    row = scene.row(claim)

    assert isinstance(outcome, Rescued)
    assert outcome.act is Act.STOP
    assert row is not None
    assert row["stack_requested_at"] is not None
    assert row["stack_requested_at"] < row["stop_requested_at"]


@pytest.mark.parametrize("mode", ["dry_run", "disabled"])
def test_a_stack_is_requested_in_every_mode(scene: Scene, tmp_path: Path, mode: str) -> None:
    """It changes no job, and shows why one hangs also to who lets nothing be rescued."""
    claim = scene.hung()
    make_pass(scene, configured(tmp_path, scene.url, HUNG, interval="1m", mode=mode))
    row = scene.row(claim)

    assert row is not None
    assert row["stack_requested_at"]
    assert row["stop_requested_at"] is None


def test_stacks_can_be_switched_off(scene: Scene, tmp_path: Path) -> None:
    """Then nobody but an operator requests one."""
    claim = scene.hung()
    make_pass(scene, configured(tmp_path, scene.url, HUNG, interval="1m", stacks="false"))

    assert requested(scene, claim) is None


def test_a_job_whose_worker_is_gone_is_not_requested_one(scene: Scene, tmp_path: Path) -> None:
    """Nobody is there to answer."""
    claim = scene.stale()
    make_pass(scene, configured(tmp_path, scene.url, interval="1m"))

    assert requested(scene, claim) is None
    assert scene.rescues(claim) == 1


def test_a_request_that_fails_holds_up_no_rescue(scene: Scene, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing right, a lock that does not come: the stop goes out all the same."""

    def fail(*_: object) -> None:
        raise DatabaseError(ErrorKind.FORBIDDEN, "permission denied")

    monkeypatch.setattr(rescue_pass, "request_stacks", fail)
    claim = scene.hung()
    [(_, outcome)] = make_pass(scene, config)

    assert isinstance(outcome, Rescued)
    assert requested(scene, claim) is None


def test_a_worker_that_does_not_answer_holds_nothing_up(scene: Scene, tmp_path: Path) -> None:
    """The request stands since the first pass; the job is taken away when its time to stop is over, and not later."""
    tier = "{heartbeat_timeout: 20m, progress_timeout: 30m, max_run: 7d, stop_grace: 0s}"
    config = configured(tmp_path, scene.url, tier, interval="1m")
    claim = scene.hung()
    make_pass(scene, config)
    first = requested(scene, claim)
    [(_, outcome)] = make_pass(scene, config)

    assert isinstance(outcome, Rescued)
    assert outcome.act is Act.RETRY
    assert requested(scene, claim) == first


def test_one_kind_is_not_requested_a_thousand(scene: Scene, config: Config) -> None:
    """A few tell what all others would: the stacks of a thousand jobs are 32 MB."""
    claims = [scene.hung() for _ in range(STACKS_OF_A_KIND + 3)]
    other = scene.hung(kind="other")
    found, given = seen(scene, config)
    stuck = [candidate.stuck for candidate in found]
    chosen = {claim.job_id for claim in choose_requests(stuck, given.read_at)}

    assert len(chosen & {claim["job_id"] for claim in claims}) == STACKS_OF_A_KIND
    assert other["job_id"] in chosen
    assert requested(scene, claims[0]) is None


def claim_of(claim: Event) -> JobClaim:
    return JobClaim(claim["job_id"], claim["attempt"], claim["attempted_at"])


def send(scene: Scene, claim: Event, text: str) -> None:
    keys = {"job_ids": [claim["job_id"]], "attempted_ats": [claim["attempted_at"]]}
    ask(scene.sql, "stack", keys | {"stacks": [text]})


def test_a_request_waits_for_no_lock_and_moves_no_other(scene: Scene) -> None:
    """A row that is locked, lost or pending is left; an answered one may be requested again."""
    locked, lost, pending, answered = claims = [scene.hung() for _ in range(4)]
    everybody = [claim_of(claim) for claim in claims]
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = %s", [lost["job_id"]])
    with scene.keeping() as tx:
        request_stacks(tx, everybody[2:])
    send(scene, answered, "main.f\tm.go:1")
    before = requested(scene, pending)
    with scene.sql.transaction():
        scene.sql.execute("SELECT FROM riverkeeper.heartbeat WHERE job_id = %s FOR UPDATE", [locked["job_id"]])
        with scene.keeping() as tx:
            done = request_stacks(tx, everybody)

    assert done == {answered["job_id"]}
    assert requested(scene, pending) == before
    assert requested(scene, locked) is None


def test_an_operator_waits_for_the_answer(scene: Scene, config: Config) -> None:
    """The worker's own client answers with its next beat, whole."""
    claim = scene.claim()
    with (
        Beater(scene.url, "worker", tier=HeartbeatTier(0.2)) as beater,
        beater.beating(claim["job_id"], claim["attempt"], claim["attempted_at"]),
    ):
        until(lambda: scene.row(claim), "the claim to beat")
        answer = request_stack(config, claim["job_id"], 30.0)

    assert answer.is_answered
    assert answer.stack is not None
    assert "test_an_operator_waits_for_the_answer\t" in answer.stack.text


def test_an_operator_learns_why_there_is_none(scene: Scene, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job does not run; its client does not beat; or no answer came in time, and the request stays."""
    monkeypatch.setattr(stacks, "POLL_SECONDS", 0.0)
    over, silent, deaf = (scene.claim() for _ in range(3))
    scene.sql.execute("UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = %s", [over["job_id"]])
    beat(scene.sql, [deaf])

    assert request_stack(config, over["job_id"], 0.0).claim is None
    assert request_stack(config, silent["job_id"], 0.0).beats is False
    answer = request_stack(config, deaf["job_id"], 0.0)
    assert (answer.beats, answer.is_answered, answer.stack) == (True, False, None)
    assert requested(scene, deaf) is not None
    send(scene, deaf, "main.f\tm.go:1")
    later = read_answer(config, claim_of(deaf))
    assert later.is_answered
    assert later.stack is not None
    assert later.stack.where == "main.f m.go:1"
