"""The printed grants let a rescuer rescue, and let nobody do more: proven by logging in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.grants import grant
from fixtures.rescue import UNIQUE, Scene, staged
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.transaction import rescue_job
from riverkeeper.schema.grants import KEEPER, READER, RESCUER

ROLES = {"reader": READER, "keeper": KEEPER, "rescuer": RESCUER}


@pytest.fixture(scope="module")
def scene(postgres: Server) -> Iterator[Scene]:
    """A database in which the script has run, with a login for each role."""
    with staged(postgres.database("rescue_roles", template="river_template")) as opened_scene:
        opened_scene.lead()
        opened_scene.sql.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        opened_scene.sql.execute(UNIQUE)
        opened_scene.sql.execute("REVOKE EXECUTE ON FUNCTION river_job_state_in_bitmask FROM PUBLIC")
        for _ in range(2):
            grant(opened_scene.url)
        for name, role in ROLES.items():
            opened_scene.sql.execute(f"DROP ROLE IF EXISTS rescue_{name}")  # of the server: it outlives the database
            opened_scene.sql.execute(f"CREATE ROLE rescue_{name} LOGIN IN ROLE {role}")
        yield opened_scene


def url_of(scene: Scene, name: str) -> str:
    return scene.url.replace("//postgres@", f"//rescue_{name}@")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_rescuer_rescues(scene: Scene, dry_run: bool) -> None:
    """Lost, never beaten, unique, hung, cancelled, discarded: with these rights and no others."""
    database = Database(url_of(scene, "rescuer"))
    scene.sql.execute("DELETE FROM river_job")
    unique = scene.stale(unique_key=b"k")
    scene.sql.execute("UPDATE river_job SET unique_states = '11110001' WHERE id = %(job_id)s", unique)
    for claim in (unique, scene.stale(max_attempts=2), scene.hung(), scene.never_beaten()):
        stuck = scene.found(claim)
        with scene.keeping(database) as tx:
            outcome = rescue_job(tx, stuck, scene.order(dry_run=dry_run))
        assert isinstance(outcome, Rescued), outcome
    database.close()


@pytest.mark.parametrize("name", ["reader", "keeper"])
def test_others_cannot_rescue(scene: Scene, name: str) -> None:
    """Neither the reader nor the login that counts changes a job; what is missing is reported, with the fix."""
    database = Database(url_of(scene, name))
    claim = scene.stale()
    stuck = scene.found(claim)
    with scene.keeping(database) as tx:
        outcome = rescue_job(tx, stuck, scene.order())
    database.close()

    assert isinstance(outcome, Skipped), outcome
    assert outcome.refusal is Refusal.DATABASE
    assert "riverkeeper schema grants" in outcome.detail
    assert scene.rescues(claim) == scene.ours(claim) == 0


def test_the_keeper_role_makes_dry_runs_of_what_a_rescuer_would_do(scene: Scene) -> None:
    """Without a lock on River's table: the same act and the same evidence, and nothing is changed."""
    database = Database(url_of(scene, "keeper"))
    scene.sql.execute("DELETE FROM river_job")
    for claim in (scene.stale(unique_key=b"k"), scene.hung(), scene.never_beaten()):
        stuck = scene.found(claim)
        with scene.keeping(database) as tx:
            outcome = rescue_job(tx, stuck, scene.order(dry_run=True, locks_jobs=False))
        assert isinstance(outcome, Rescued), outcome
        assert scene.job(claim)["state"] == "running"
        assert scene.row(claim) is None or scene.row(claim)["lost_at"] is None  # type: ignore[index]
    database.close()


NOBODY_MAY = (
    "SELECT args FROM river_job",
    "SELECT * FROM river_job",
    "INSERT INTO river_job (kind) VALUES ('k')",
    "DELETE FROM river_job",
    "TRUNCATE river_job",
    "UPDATE river_job SET args = '{}'",
    "UPDATE river_job SET kind = 'k'",
    "UPDATE river_job SET queue = 'q'",
    "UPDATE river_job SET attempt = 0",
    "UPDATE river_job SET attempted_at = now()",
    "UPDATE river_job SET attempted_by = NULL",
    "UPDATE river_job SET max_attempts = 9",
    "UPDATE river_job SET priority = 1",
    "UPDATE river_job SET tags = '{}'",
    "UPDATE river_queue SET paused_at = now()",
    "DELETE FROM river_queue",
    "UPDATE river_leader SET leader_id = 'us'",
    "DELETE FROM river_migration",
    "UPDATE riverkeeper.meta SET version = 99",
    "INSERT INTO riverkeeper.client SELECT FROM riverkeeper.client",
    "CREATE TABLE public.mine ()",
    "CREATE TABLE riverkeeper.mine ()",
    "DROP TABLE riverkeeper.rescue",
)


@pytest.mark.parametrize("name", ROLES)
def test_what_no_role_may_do(scene: Scene, name: str) -> None:
    """No arguments are read; of River's tables nothing is made, deleted or changed but the five columns."""
    for statement in NOBODY_MAY:
        assert refused(scene, name, statement), f"{name} may {statement}"
    writes = ["UPDATE river_job SET state = state", "UPDATE river_job SET errors = NULL, metadata = metadata"]
    for statement in [*writes, "SELECT id FROM river_job FOR NO KEY UPDATE"]:
        assert refused(scene, name, statement) == (name != "rescuer"), f"{name}: {statement}"


def refused(scene: Scene, name: str, statement: str) -> bool:
    with Session(url_of(scene, name)) as session:
        try:
            session.execute(f"BEGIN; {statement}; ROLLBACK")
        except DatabaseError as error:
            return error.kind is ErrorKind.FORBIDDEN
    return False
