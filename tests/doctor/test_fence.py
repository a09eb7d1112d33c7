"""A fence that is not in force is noticed: disabled, dropped, lost with its table, on some partitions only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.contract import Connection, connected
from fixtures.fence import drops, fence_command, reported_to_clients
from riverkeeper.schema.fence import fence_status, install_fence
from riverkeeper.schema.install import install


@pytest.fixture
def sql(own_url: str) -> Iterator[Connection]:
    with connected(own_url) as connection:
        yield connection


BROKEN = {
    "one is disabled": "ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence",
    "all are disabled": "ALTER TABLE river_job DISABLE TRIGGER ALL",
    "only for replicas": "ALTER TABLE river_job ENABLE REPLICA TRIGGER riverkeeper_fence_strip",
    "one is dropped": "DROP TRIGGER riverkeeper_fence ON river_job",
    "the other is dropped": "DROP TRIGGER riverkeeper_fence_strip ON river_job",
    "its function is dropped": "DROP FUNCTION riverkeeper.remove_claim_token CASCADE",
    "at other times": """DROP TRIGGER riverkeeper_fence ON river_job;
        CREATE TRIGGER riverkeeper_fence AFTER UPDATE ON river_job
        FOR EACH ROW EXECUTE FUNCTION riverkeeper.drop_late_result()""",
    "of one column": """DROP TRIGGER riverkeeper_fence ON river_job;
        CREATE TRIGGER riverkeeper_fence BEFORE UPDATE OF state ON river_job
        FOR EACH ROW EXECUTE FUNCTION riverkeeper.drop_late_result()""",
    "restored": """CREATE TABLE other (LIKE river_job INCLUDING ALL); DROP TABLE river_job;
        ALTER TABLE other RENAME TO river_job""",
    "away": "ALTER TABLE river_job RENAME TO elsewhere",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_fence_that_is_not_in_force_is_noticed(installed_url: str, sql: Connection, broken: str) -> None:
    """Disabled, dropped, lost with a table: clients learn it within a minute, `status` names trigger and table."""
    assert reported_to_clients(sql)
    sql.execute(BROKEN[broken])

    assert not reported_to_clients(sql)
    if broken != "away":
        status = fence_status(installed_url, None, None)
        assert not status.in_force
        assert "not in force: " in status.message
        assert status.fix


@pytest.mark.parametrize(
    "broken",
    [fault for fault in BROKEN if fault not in {"away", "its function is dropped", "at other times", "of one column"}],
)
def test_install_repairs_it(installed_url: str, sql: Connection, broken: str) -> None:
    """Whatever its outcome."""
    sql.execute(BROKEN[broken])

    assert install_fence(installed_url, None, None).in_force
    assert (reported_to_clients(sql), drops(sql)) == (True, True)


def test_a_session_in_which_no_trigger_fires_is_reported(installed_url: str, sql: Connection) -> None:
    """As a login may be set: results written by it would pass. A trigger that fires always is in force there too."""
    sql.execute("SET session_replication_role = replica")
    assert (reported_to_clients(sql), drops(sql)) == (False, False)

    sql.execute("ALTER TABLE river_job ENABLE ALWAYS TRIGGER riverkeeper_fence")
    sql.execute("ALTER TABLE river_job ENABLE ALWAYS TRIGGER riverkeeper_fence_strip")
    assert (reported_to_clients(sql), drops(sql)) == (True, True)


PARTITIONED = """
ALTER TABLE river_job RENAME TO plain;
CREATE TABLE river_job (LIKE plain INCLUDING DEFAULTS INCLUDING IDENTITY) PARTITION BY HASH (id);
CREATE TABLE part_0 PARTITION OF river_job FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF river_job FOR VALUES WITH (MODULUS 2, REMAINDER 1);
DROP TABLE plain
"""


@pytest.fixture
def partitioned(river_url: str, sql: Connection) -> str:
    sql.execute(PARTITIONED)
    install(river_url, None, None)
    return river_url


def test_a_partitioned_table_is_fenced_on_every_partition(partitioned: str, sql: Connection) -> None:
    """New partitions get it by themselves; late results are dropped in each."""
    for _ in range(8):
        assert drops(sql)
    assert {str(row["tableoid"]) for row in sql.execute("SELECT DISTINCT tableoid FROM river_job").fetchall()} != set()
    assert reported_to_clients(sql)
    sql.execute("ALTER TABLE river_job DETACH PARTITION part_1")
    sql.execute("CREATE TABLE part_2 PARTITION OF river_job FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
    assert reported_to_clients(sql)
    assert all(drops(sql) for _ in range(8))


def test_one_partition_without_it_is_noticed_and_repaired(partitioned: str, sql: Connection) -> None:
    """All but one is not in force: the missing one is named."""
    sql.execute("ALTER TABLE part_1 DISABLE TRIGGER riverkeeper_fence")
    assert not reported_to_clients(sql)
    assert "trigger riverkeeper_fence on public.part_1 is disabled" in fence_status(partitioned, None, None).message

    assert install_fence(partitioned, None, None).in_force
    assert all(drops(sql) for _ in range(8))


def test_a_view_is_no_place_for_it(river_url: str, sql: Connection) -> None:
    """Reported as such: the schema can be installed, the fence not."""
    sql.execute("ALTER TABLE river_job RENAME TO jobs; CREATE VIEW river_job AS SELECT * FROM jobs")
    found = fence_command(river_url, "install")

    assert found.exit_code == 0
    assert "missing  the fence is not in force: River's job table is not a table" in found.output
    assert not reported_to_clients(sql)
