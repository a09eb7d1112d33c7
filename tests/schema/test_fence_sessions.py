"""The fence in the hands of logins that may little, in hostile sessions, and where nothing can be recorded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import errors

from fixtures.contract import Connection, connected
from fixtures.fence import TOKEN, claim, late, reclaim, rescue, result, row, token_of
from fixtures.grants import grant
from riverkeeper.postgres.connection import run_script
from riverkeeper.schema.fence import fence_script, remove_fence
from riverkeeper.schema.grants import WORKER


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


HOSTILE = """
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.taken(jsonb, text) RETURNS jsonb LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.reads(jsonb, text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.same(text, text) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.to_char(timestamp, text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.cardinality(jsonb[]) RETURNS integer LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.- (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = hostile.taken);
CREATE OPERATOR hostile.-> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = hostile.taken);
CREATE OPERATOR hostile.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = hostile.reads);
CREATE OPERATOR hostile.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.same);
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.same);
CREATE DOMAIN hostile.timestamptz AS text CHECK (false);
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false);
"""
ENDS = """UPDATE public.river_job SET state = 'completed', finalized_at = pg_catalog.now(),
    metadata = pg_catalog.jsonb_build_object('riverkeeper:claim', %(token)s::pg_catalog.text)"""


def test_a_hostile_search_path_changes_nothing(installed_url: str, sql: Connection) -> None:
    """Neither when the triggers are made, nor when they are called."""
    remove_fence(installed_url, None, None)
    run_script(installed_url, HOSTILE)
    with connected(installed_url) as hostile:
        hostile.execute("SET search_path = hostile, pg_catalog, public")
        hostile.execute(fence_script("riverkeeper", "public").encode())
        job = claim(sql)["job_id"]
        first = token_of(sql, job)
        rescue(sql, job)
        second = reclaim(sql, job)
        for token, state in ((first, "running"), (second, "completed")):
            hostile.execute(ENDS, {"token": token})
            assert (row(sql, job)["state"], row(sql, job)["metadata"]) == (state, {})
    assert len(late(sql)) == 1


@pytest.fixture
def worker(installed_url: str, sql: Connection) -> Iterator[Connection]:
    """A login that works and beats, and owns nothing."""
    grant(installed_url)
    run_script(installed_url, f"DROP ROLE IF EXISTS works; CREATE ROLE works LOGIN IN ROLE {WORKER}")
    run_script(
        installed_url, "GRANT USAGE ON SCHEMA public TO works; GRANT SELECT, UPDATE ON public.river_job TO works"
    )
    with connected(installed_url.replace("postgres@", "works@")) as connection:
        yield connection


@pytest.fixture
def stranger(installed_url: str, sql: Connection) -> Iterator[Connection]:
    """A login that works, and may not even use the keeper schema."""
    run_script(installed_url, "DROP ROLE IF EXISTS only_works; CREATE ROLE only_works LOGIN")
    script = "GRANT USAGE ON SCHEMA public TO only_works; GRANT SELECT, UPDATE ON public.river_job TO only_works"
    run_script(installed_url, script)
    with connected(installed_url.replace("postgres@", "only_works@")) as connection:
        yield connection


@pytest.mark.parametrize("login", ["worker", "stranger"])
def test_a_login_without_any_right_on_the_records_has_its_late_result_recorded(
    sql: Connection, login: str, request: pytest.FixtureRequest
) -> None:
    """The function writes them by its owner's right; a result in time passes too."""
    connection: Connection = request.getfixturevalue(login)
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    second = reclaim(sql, job)

    assert result(connection, job, "completed", **{TOKEN: first}) == 0
    assert result(connection, job, "completed", **{TOKEN: second, "output": 1}) == 1
    assert row(sql, job)["metadata"] == {"output": 1}
    assert len(late(sql)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT FROM riverkeeper.late_result",
        "INSERT INTO riverkeeper.late_result (job_id) VALUES (1)",
        "UPDATE riverkeeper.late_result SET counted_at = now()",
        "DELETE FROM riverkeeper.late_result",
        "CREATE TRIGGER a BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION riverkeeper.drop_late_result()",
        "CREATE TRIGGER a BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION riverkeeper.remove_claim_token()",
        "ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence",
        "DROP TRIGGER riverkeeper_fence ON river_job",
    ],
)
def test_what_a_worker_may_not_do_about_the_fence(worker: Connection, text: str) -> None:
    """No right on the records, none on the functions, by a table of its own neither."""
    worker.execute("CREATE TEMP TABLE mine (id bigint, metadata jsonb)")
    with pytest.raises(errors.InsufficientPrivilege):
        worker.execute(text)


@pytest.mark.parametrize(
    "broken",
    [
        "DROP TABLE riverkeeper.late_result CASCADE",
        "ALTER TABLE riverkeeper.late_result DROP COLUMN outcome",
        "ALTER TABLE riverkeeper.late_result ADD CHECK (id < 0)",
        "CREATE RULE never AS ON INSERT TO riverkeeper.late_result DO INSTEAD SELECT 1 / (random() * 0)::integer",
    ],
)
def test_a_late_result_that_cannot_be_recorded_is_dropped(sql: Connection, broken: str) -> None:
    """Nothing is raised: an error would fail the whole batch of a worker that did nothing wrong."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    second = reclaim(sql, job)
    sql.execute(broken)

    assert result(sql, job, "completed", **{TOKEN: first}) == 0
    assert result(sql, job, "completed", **{TOKEN: second}) == 1


SETTINGS = (
    "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kathmandu'", "standard_conforming_strings = off", "array_nulls = off",
    "IntervalStyle = sql_standard", "bytea_output = escape", "lc_time = 'C'", "extra_float_digits = -15", "jit = on",
    "row_security = off",
)  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_a_workers_session_changes_what_a_claim_reads_like(
    installed_url: str, sql: Connection, setting: str
) -> None:
    """A login's own defaults: the late result is dropped and recorded with its claim, the other one written."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    second = reclaim(sql, job)
    with connected(installed_url) as worker:
        worker.execute(f"SET {setting}")
        assert result(worker, job, "completed", **{TOKEN: first}) == 0
        assert result(worker, job, "completed", **{TOKEN: second}) == 1
    assert [late_result["claimed_at"] is None for late_result in late(sql)] == [False]
