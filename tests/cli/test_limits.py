"""`riverkeeper limits` as people and scripts use it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.test_commands import Run, run
from riverkeeper.postgres.connection import Session

__all__ = ["run"]

RUNS = """INSERT INTO riverkeeper.run_day
    SELECT floor(extract(epoch FROM now()) / 86400), %(kind)s, array_append(array_fill(0, ARRAY[48]), %(runs)s)"""
RUNNING = """INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by)
    SELECT %(kind)s, 'running', 1, now() - make_interval(secs => %(age)s), ARRAY['w']"""


@pytest.fixture
def kept(run: Run, sql: Session) -> Session:
    run("schema", "install")
    for kind, runs in (("[b]report[/b]", 250), ("rare", 7)):
        sql.execute(RUNS, {"kind": kind, "runs": runs})
        sql.execute(RUNNING, {"kind": kind, "age": 4000})
    return sql


def test_it_shows_how_a_limit_came_about(run: Run, kept: Session) -> None:
    """Samples, quantile, factor and bounds of a learned one; the tier of the others; why there is none."""
    shown = run("limits").output

    assert "p99 of 250 runs of [b]report[/b] in 7 d is about 3.5 s, times 3, but at least the floor of 5 min" in shown
    assert "none: its tier has no max_run, and only 7 of the 100 runs to learn from are known" in shown
    assert "1 running job of [b]report[/b] is past its limit: no sample until it finishes." in shown
    assert re.search(r"\(a queue's\) +urgent +wait +30 s +tier urgent", shown)


def test_one_kind_of_which_nothing_is_known(run: Run, kept: Session, tmp_path: Path) -> None:
    """The limits that it would have, by the configuration alone."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text("tiers: {nightly: {max_run: 2h, max_silence: 25h}}\nassign: [{tier: nightly, kind: 'night_*'}]\n")
    found = json.loads(run("limits", "night_run", "--json", "--config.file", str(file)).output)

    assert {(row["kind"], row["tier"]) for row in found["limits"]} == {("night_run", "nightly")}
    assert {row["limit"]: row["seconds"] for row in found["limits"]} == {
        "heartbeat": 35,
        "run": 7200,
        "silence": 90_000,
    }


def test_without_a_keeper_schema(run: Run, sql: Session) -> None:
    """What serve has learned in its memory is not known here, and the output names that."""
    sql.execute(RUNNING, {"kind": "report", "age": 4000})
    shown = run("limits", "report")

    assert shown.exit_code == 0
    assert "each `serve` learns in its own memory" in shown.output


def test_a_database_that_is_away(run: Run) -> None:
    """Exit code 1, and no traceback."""
    shown = run("limits", "--database-url", "postgresql://127.0.0.1:1/none")

    assert shown.exit_code == 1
    assert "Traceback" not in shown.output
