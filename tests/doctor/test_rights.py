"""What a login can really read: row level security, views and rights without effect are found and reported."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.check import check_url
from fixtures.grants import grant
from fixtures.scrape import errors, page_of, read
from riverkeeper.doctor.report import CheckFinding, Level
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.grants import KEEPER


@pytest.fixture
def login(installed_url: str, sql: Session) -> Iterator[str]:
    """URL of a login with the role riverkeeper_keeper; one job runs."""
    grant(installed_url)
    sql.execute(f"DROP ROLE IF EXISTS filtered; CREATE ROLE filtered LOGIN IN ROLE {KEEPER}")
    sql.execute("INSERT INTO river_job (kind, state, attempted_at) VALUES ('k', 'running', now())")
    yield installed_url.replace("postgres@", "filtered@")
    sql.execute("ALTER ROLE filtered NOBYPASSRLS")


def problems(url: str) -> list[CheckFinding]:
    return [
        finding for finding in check_url(url).findings if finding.level is Level.PROBLEM and finding.topic != "leader"
    ]


@pytest.mark.parametrize("policy", ["", "CREATE POLICY others ON river_job FOR SELECT USING (kind <> 'k')"])
def test_rows_that_a_policy_hides_are_no_empty_river(login: str, sql: Session, policy: str) -> None:
    """Row level security hides rows without an error: river_up is 0, the doctor is red, and its line fixes it."""
    sql.execute(f"ALTER TABLE river_job ENABLE ROW LEVEL SECURITY; {policy}")
    snapshot = read(login)
    (finding,) = problems(login)

    assert not snapshot.up
    assert "row level security is active on public.river_job for login filtered" in (snapshot.error or "")
    assert "river_jobs" not in page_of(snapshot).samples
    assert "row level security is active" in finding.message
    assert "BYPASSRLS" in (finding.fix or "")
    sql.execute("ALTER ROLE filtered BYPASSRLS")
    assert page_of(read(login)).value("river_jobs", queue="default", state="running") == 1
    assert problems(login) == []


def test_the_owner_is_filtered_only_where_it_is_forced(login: str, installed_url: str, sql: Session) -> None:
    """The owner of the table and a superuser see every row, as long as nobody forces the policies on the owner."""
    sql.execute("DROP ROLE IF EXISTS rls_owner; CREATE ROLE rls_owner LOGIN; GRANT ALL ON SCHEMA public TO rls_owner")
    sql.execute("ALTER TABLE river_job OWNER TO rls_owner; ALTER TABLE river_job ENABLE ROW LEVEL SECURITY")
    owner = installed_url.replace("postgres@", "rls_owner@")
    before = read(owner)
    sql.execute("ALTER TABLE river_job FORCE ROW LEVEL SECURITY")

    assert before.up
    assert not read(owner).up
    assert read(installed_url).up


@pytest.mark.parametrize("table", ["river_queue", "river_leader", "river_migration"])
def test_a_lesser_table_that_is_filtered_is_absent_and_reported(login: str, sql: Session, table: str) -> None:
    """What hides its rows is not shown as empty; the rest is there."""
    sql.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    snapshot = read(login)
    (finding,) = [finding for finding in problems(login) if finding.topic == "rights"]

    assert snapshot.up
    assert any("row-level security" in text for text in errors(snapshot).values())
    assert f"row level security is active on {table} for filtered" in finding.message
    assert finding.fix == 'ALTER ROLE "filtered" BYPASSRLS;'


@pytest.mark.parametrize("table", ["heartbeat", "rescue", "ledger"])
def test_a_keeper_schema_that_is_filtered_is_not_used(login: str, sql: Session, table: str) -> None:
    """A hidden heartbeat would make a live job look lost; a hidden audit would allow a second rescue."""
    sql.execute(f"ALTER TABLE riverkeeper.{table} ENABLE ROW LEVEL SECURITY")
    snapshot = read(login)
    (finding,) = problems(login)

    assert snapshot.up
    assert any(f"row level security is active on {table}" in text for text in errors(snapshot).values())
    assert "BYPASSRLS" in (finding.fix or "")


def test_a_view_is_read_by_the_rights_of_its_owner(login: str, sql: Session) -> None:
    """The catalog grants the view's columns, and reading it fails all the same: the doctor tries it out."""
    sql.execute("DROP ROLE IF EXISTS rightless; CREATE ROLE rightless; ALTER TABLE river_queue RENAME TO real_queue")
    sql.execute("CREATE VIEW river_queue AS SELECT * FROM real_queue; GRANT SELECT ON river_queue TO filtered")
    assert problems(login) == []
    sql.execute("ALTER VIEW river_queue OWNER TO rightless")
    found = [finding for finding in problems(login) if finding.topic == "rights"]

    assert [finding.message.partition(":")[0] for finding in found] == ["river_queue cannot be read"]
    assert "real_queue" in found[0].message
