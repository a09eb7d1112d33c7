"""Where the fence stands, who may put it there (`schema fence install | remove | status | print`), what is noticed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fixtures.contract import Connection, connected
from fixtures.fence import (
    TOKEN,
    claim,
    drops,
    fence_command,
    late,
    reclaim,
    reported_to_clients,
    rescue,
    result,
    row,
    token_of,
)
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.schema.fence import fence_script, fence_status, install_fence, remove_fence
from riverkeeper.schema.install import install, script, uninstall

TRIGGERS = """SELECT tgname FROM pg_trigger WHERE tgname LIKE 'riverkeeper%%' ORDER BY tgname"""


@pytest.fixture
def sql(river_url: str) -> Iterator[Connection]:
    with connected(river_url) as connection:
        yield connection


def test_install_puts_it_there_and_clients_learn_it(river_url: str, sql: Connection) -> None:
    """One command for both; doing it again changes nothing and locks nothing of River's."""
    found = fence_command(river_url, "install")
    assert "the fence on public.river_job is in force" in found.output
    assert (reported_to_clients(sql), drops(sql)) == (True, True)

    with connected(river_url) as busy:
        busy.execute("BEGIN; LOCK TABLE river_job IN ROW EXCLUSIVE MODE")
        assert fence_command(river_url, "install").exit_code == 0
        assert fence_command(river_url, "fence", "install").exit_code == 0


def test_install_without_it(river_url: str, sql: Connection) -> None:
    """For users who want no trigger: clients learn it, nothing is dropped, and `status` ends with exit code 1."""
    assert fence_command(river_url, "install", "--no-fence").exit_code == 0
    assert (reported_to_clients(sql), drops(sql)) == (False, False)

    found = fence_command(river_url, "fence", "status")
    assert found.exit_code == 1
    assert "The fence is not in force: public.river_job lacks its triggers" in found.output
    assert 'riverkeeper schema fence install   (as login "postgres"' in found.output


def test_remove_and_install_again(river_url: str, sql: Connection) -> None:
    """Removing twice is no error."""
    install(river_url, None, None)
    for _ in range(2):
        assert fence_command(river_url, "fence", "remove").exit_code == 0
        assert (reported_to_clients(sql), drops(sql)) == (False, False)
    assert fence_command(river_url, "fence", "install").exit_code == 0
    assert (reported_to_clients(sql), drops(sql)) == (True, True)
    assert fence_command(river_url, "fence", "status").exit_code == 0


@pytest.fixture
def two_owners(river_url: str, sql: Connection) -> Iterator[tuple[str, str]]:
    """URLs of the login that owns River's tables, and of the one that may make the keeper schema."""
    for name in ("owns_river", "owns_keeper"):
        sql.execute(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN")
    sql.execute("ALTER TABLE river_job OWNER TO owns_river; GRANT USAGE ON SCHEMA public TO owns_river, owns_keeper")
    sql.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO owns_keeper")
    sql.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO owns_river")
    sql.execute("CREATE SCHEMA riverkeeper AUTHORIZATION owns_keeper")
    yield (river_url.replace("postgres@", "owns_river@"), river_url.replace("postgres@", "owns_keeper@"))
    sql.execute("DROP OWNED BY owns_river, owns_keeper CASCADE")


def test_an_owner_of_the_keeper_schema_alone_is_shown_who_must_do_what(
    two_owners: tuple[str, str], sql: Connection
) -> None:
    """The schema is installed; the command and its login are named, and work as they are named."""
    river, keeper = two_owners
    found = fence_command(keeper, "install")

    assert found.exit_code == 0
    assert 'riverkeeper schema fence install   (as login "owns_river"' in found.output
    assert fence_command(keeper, "fence", "install").exit_code == 1
    assert not reported_to_clients(sql)
    assert fence_command(river, "fence", "install").exit_code == 0
    assert (reported_to_clients(sql), drops(sql)) == (True, True)


def test_the_printed_fence_works_as_it_is_printed(two_owners: tuple[str, str], sql: Connection) -> None:
    """For an owner without our command."""
    river, keeper = two_owners
    fence_command(keeper, "install")
    run_script(river, fence_command(keeper, "fence", "print").output)

    assert (reported_to_clients(sql), drops(sql)) == (True, True)
    assert fence_status(keeper, None, None).in_force


def test_the_trigger_right_is_enough_to_put_it_there(two_owners: tuple[str, str], sql: Connection) -> None:
    """But not to remove it; who must is named. `uninstall` drops it, also where owners differ."""
    _, keeper = two_owners
    sql.execute("GRANT TRIGGER ON river_job TO owns_keeper")
    assert fence_command(keeper, "install").exit_code == 0
    assert drops(sql)

    found = fence_command(keeper, "fence", "remove")
    assert found.exit_code == 1
    assert 'riverkeeper schema fence remove   (as login "owns_river")' in found.output
    sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
    assert fence_command(keeper, "fence", "install").exit_code == 1
    uninstall(keeper, None, None)
    assert sql.execute(TRIGGERS).fetchall() == []


def test_an_owner_without_access_is_shown_the_grant(two_owners: tuple[str, str], sql: Connection) -> None:
    """The table has got another owner since the schema was installed."""
    river, keeper = two_owners
    install(keeper, None, None)
    sql.execute("REVOKE ALL ON SCHEMA riverkeeper FROM owns_river")
    with pytest.raises(DatabaseError) as found:
        install_fence(river, None, None)

    assert found.value.kind is ErrorKind.FORBIDDEN
    assert "run `riverkeeper schema install` again as its owner" in found.value.fix
    install(keeper, None, None)
    assert install_fence(river, None, None).in_force


def test_the_fence_of_another_keeper_schema_is_not_replaced(river_url: str, sql: Connection) -> None:
    """It is named, and the first one stays in force."""
    install(river_url, "public", "first")
    install(river_url, "public", "second")
    with pytest.raises(DatabaseError) as found:
        install_fence(river_url, "public", "second")

    assert found.value.kind is ErrorKind.NO_FENCE
    assert 'of another keeper schema, "first"' in found.value.message
    assert 'database.keeper_schema: "first"' in found.value.fix
    assert fence_status(river_url, "public", "first").in_force
    assert not fence_status(river_url, "public", "second").in_force


def test_uninstall_takes_it_with_it(river_url: str, sql: Connection) -> None:
    """Updates with a token pass from then on; River works as it did."""
    install(river_url, None, None)
    uninstall(river_url, None, None)

    assert sql.execute(TRIGGERS).fetchall() == []
    job = claim(sql)["job_id"]
    assert result(sql, job, "completed", **{TOKEN: token_of(sql, job)}) == 1


def test_a_busy_table_is_waited_for_in_short_turns(river_url: str, sql: Connection) -> None:
    """River's writes wait for a second at most behind the install; it succeeds once the table is free."""
    install(river_url, None, None, fence=False)
    with connected(river_url) as busy:
        busy.execute("BEGIN; LOCK TABLE river_job IN ROW EXCLUSIVE MODE")
        done: list[bool] = []
        putting = threading.Thread(target=lambda: done.append(install_fence(river_url, None, None).in_force))
        putting.start()
        for _ in range(5):
            sql.execute("SET statement_timeout = '2s'")
            claim(sql)
        assert done == []
        busy.execute("COMMIT")
        putting.join()
    assert done == [True]


def test_tokens_left_in_running_rows_go_with_the_install(river_url: str, sql: Connection) -> None:
    """From a time without the fence: a late result that brings the same token again is judged."""
    install(river_url, None, None, fence=False)
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    result(sql, job, "completed", **{TOKEN: first})
    reclaim(sql, job)
    assert row(sql, job)["metadata"] == {TOKEN: first}

    install_fence(river_url, None, None)
    assert row(sql, job)["metadata"] == {}
    assert result(sql, job, "completed", **{TOKEN: first}) == 0
    assert len(late(sql)) == 1


def test_any_name_will_do(river_url: str, sql: Connection) -> None:
    """Schemas may be called what they want, in the printed SQL too."""
    river, keeper = "it's %% 1%s", '100% "kept"'
    create_river_table(river_url, river)
    run_script(river_url, script(keeper, river))
    run_script(river_url, fence_script(keeper, river))

    assert fence_status(river_url, river, keeper).in_force
    remove_fence(river_url, river, keeper)
    assert install_fence(river_url, river, keeper).in_force
