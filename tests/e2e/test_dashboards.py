"""The dashboards, queried from a real Prometheus that has scraped two replicas of a working fleet."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from dashboards.boards import FILES, FOLDER, BoardQuery, queries_of
from e2e.conftest import MakeRiver
from e2e.measure_resumes import INSERT, STEP_MILLISECONDS, STEPS, TABLE
from e2e.programs import tool
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import replica_at_work, riverkeeper
from e2e.scraper import SCRAPE_SECONDS, Scraper, prometheus_at_work
from fixtures.waiting import until

KIND = "checked"  # of the fleet's kinds the one that runs for seconds, beats and completes
LOOK_SECONDS = 600  # marks and rescues stand where something happened, since the beginning
WATCHED_SECONDS = 100  # a mark of a deploy compares with a minute ago, and one of the workers was suspended early on
RENDER = Path(__file__).parent / "render"

MARKED = tuple(f"{board}.json: annotation Jobs lost" for board in ("rescue", "overview", "kind"))
# What rightly has no answer here, and the change that makes the same expression have one.
RIGHTLY_EMPTY = {
    "kind.json: Run time: D": (" offset 1w", ""),  # nobody has watched for a week
    "rescue.json: Queries to the database: B": (" == 0", " == 1"),  # no query fails
    # There are no pods.
    **dict.fromkeys(MARKED, ("riverkeeper_jobs_lost_total", "riverkeeper_rescues_total")),
    "rescue.json: Why workers ended: jobs lost within an hour: A": (
        "queue_reason:riverkeeper_jobs_lost",
        "queue_kind_outcome:river_jobs_finished",
    ),
}
# A suspended worker's job is in one of the two, as the heartbeat path is verified at that moment or not.
EITHER = {"rescue.json: Stuck: proven: A": " > 0", "rescue.json: Suspected: not proven: A": " > 0"}
EITHER_EMPTY = {"rescue: Stuck: proven: nodata", "rescue: Suspected: not proven: nodata"}

RULE = {
    "alert": "RiverTest",
    "expr": "max by (job, queue) (river_queue_paused) == 1",
    "labels": {"severity": "warning"},
}


# One queue whose lost jobs are rescued, and one whose lost jobs stay as they are.
CONFIGURATION = """
rescue: {mode: live, grace: 1s, max_share: 1.0}
tiers:
  standard: {max_run: 1h, max_silence: 1h}
  patient: {heartbeat_timeout: 7s, mode: dry_run}
assign: [{queue: doomed, tier: urgent}, {queue: kept, tier: patient}]
"""


@pytest.fixture(scope="module")
def server(river_database: MakeRiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraper]:
    """A minute of a fleet with a paused queue, a false rescue and a stuck job, watched by two replicas."""
    river = river_database()
    folder = tmp_path_factory.mktemp("dashboards")
    riverkeeper(river, "schema", "install")
    with contextlib.ExitStack() as stack:
        saving_checkpoints(river)
        workers = {name: beating(stack, river, folder, name) for name in ("doomed", "kept")}
        stack.enter_context(fleet_at_work(river, folder, "worker", *BEATS, "-rate", "30"))
        stack.enter_context(fleet_at_work(river, folder, "checks", *BEATS, *ALWAYS_RUNNING))
        river.fleet("pause", "bulk")
        targets = [watched(stack, river.url, folder / name) for name in ("one", "other")]
        running = stack.enter_context(prometheus_at_work(tool("prometheus"), targets, folder, shipped_rules()))
        stack.enter_context(workers["kept"].program.frozen())
        rescued_falsely(running, workers["doomed"])
        until(lambda: has_watched(running), "scrapes of a fleet that does everything", 180)
        yield running


def shipped_rules() -> dict[str, Any]:
    """The recording rules, as often as the scrapes, and an alert that fires."""
    recording = yaml.safe_load((FOLDER.parents[1] / "alerts" / "recording.yml").read_text(encoding="utf-8"))
    groups = [{name: value for name, value in group.items() if name != "interval"} for group in recording["groups"]]
    return {"groups": [*groups, {"name": "test", "rules": [RULE]}]}


BEATS = ("-beat", "table", "-interval", "1s")
# More jobs of seconds than slots: a number of now has one to count at any moment.
ALWAYS_RUNNING = ("-queues", "checks", "-kinds", KIND, "-rate", "2", "-workers", "2")


def beating(stack: contextlib.ExitStack, river: River, folder: Path, name: str) -> Fleet:
    """A worker of its own queue with two jobs that beat and do not end by themselves."""
    fleet = stack.enter_context(fleet_at_work(river, folder, name, *BEATS, "-queues", name))
    river.insert(2, "-kinds", "steady", "-queues", name)
    return fleet


def saving_checkpoints(river: River) -> None:
    """A job of the doomed worker that saves a checkpoint after each step, so that it resumes when it is rescued."""
    with psycopg.connect(river.url, autocommit=True) as sql:
        sql.execute(TABLE)
        sql.execute(INSERT, (STEPS, STEP_MILLISECONDS, 1))
        sql.execute("UPDATE river_job SET queue = 'doomed' WHERE kind = 'stepped'")


def watched(stack: contextlib.ExitStack, url: str, folder: Path) -> str:
    folder.mkdir()
    (folder / "riverkeeper.yml").write_text(CONFIGURATION)
    flags = ("--config.file", str(folder / "riverkeeper.yml"))
    return stack.enter_context(replica_at_work(url, folder, "", *flags)).address


def rescued_falsely(server: Scraper, fleet: Fleet) -> None:
    """A worker that is suspended until its jobs are rescued, and then goes on with them."""
    until(lambda: server.query('sum(river_jobs_beating{queue="doomed"}) >= 2'), "jobs that beat")
    until(lambda: server.query('sum(river_jobs_beating{kind="stepped"}) >= 1'), "a job that saves checkpoints")
    with fleet.program.frozen():
        until(lambda: server.query("sum(riverkeeper_rescues_total) >= 2"), "rescues of lost jobs", 90)
    until(lambda: server.query("sum(riverkeeper_late_finishes_total) > 0"), "the previous worker to be noticed", 60)
    until(lambda: server.query("sum(river_job_resumed_total) > 0"), "a rescued job to resume", 60)


def has_watched(server: Scraper) -> bool:
    """Enough scrapes for rates over the time shown, and something of each outcome."""
    scrapes = server.query("min(count_over_time(river_up[5m]))")
    outcomes = server.query("sum by (outcome) (max by (queue, kind, outcome) (river_jobs_finished_total)) > 0")
    return scrapes != [] and scrapes[0] * SCRAPE_SECONDS >= WATCHED_SECONDS and len(outcomes) == 3


EVERY = [query for file in FILES for query in queries_of(file)]


@pytest.mark.parametrize("query", EVERY, ids=[query.place for query in EVERY])
def test_every_expression_has_data(server: Scraper, query: BoardQuery) -> None:
    """It is understood without a warning and answers with a number: a panel that is empty here is broken."""
    chosen = {"kind": KIND} if query.place.startswith("kind.json") else {}
    expression = query.filled(**chosen, __range="10m")
    if query.place in RIGHTLY_EMPTY:
        assert not answers(server, query, expression), f"{query.place} has data: take it off RIGHTLY_EMPTY"
        expression = expression.replace(*RIGHTLY_EMPTY[query.place])

    assert answers(server, query, expression.replace(EITHER.get(query.place, "\0"), " >= 0"))


def answers(server: Scraper, query: BoardQuery, expression: str) -> bool:
    """Whether there is a number among the answers, over the time shown unless it is an instant query."""
    if query.instant:
        series = [[sample["value"]] for sample in server.get("query", query=expression)["result"]]
    else:
        now = time.time()
        window = {"start": now - LOOK_SECONDS, "end": now, "step": 5}
        series = [line["values"] for line in server.get("query_range", query=expression, **window)["result"]]
    return any(math.isfinite(float(value)) for values in series for _, value in values)


def test_the_oldest_prometheus_understands_every_expression(tmp_path: Path) -> None:
    """No query uses a function that only newer releases know."""
    with prometheus_at_work(tool("prometheus-old/usr/bin/prometheus"), [], tmp_path) as oldest:
        for query in EVERY:
            assert oldest.query(query.filled()) == [], query.place


def test_two_replicas_tell_the_numbers_of_one(server: Scraper) -> None:
    """The boards' way of folding replicas gives one replica's numbers: one queue is paused, exported twice."""
    assert server.query("sum(river_queue_paused)") == [2.0]
    assert server.query("sum(max without (instance, pod) (river_queue_paused))") == [1.0]


def test_the_first_false_rescue_is_counted(server: Scraper) -> None:
    """A counter is born with its first act, for which increase() alone gives 0: the panel shows how many there were."""
    (shown,) = [query for query in EVERY if query.place == "rescue.json: False rescues: A"]

    assert server.query(shown.filled(__range="10m")) == server.query("sum(riverkeeper_late_finishes_total)")


def test_files_are_of_grafanas_own_types() -> None:
    """The board, each panel's options and its fields' settings are valid by the types that Grafana publishes."""
    done = render("validate.mjs", *[str(FOLDER / file) for file in FILES])

    assert (done.returncode, done.stderr) == (0, "")


def test_every_panel_can_be_drawn(server: Scraper) -> None:
    """Grafana's own components draw each panel: none is empty, none throws. Then look at the pictures."""
    out = RENDER / "pictures"
    done = draw(server, out, *(FOLDER / file for file in FILES))

    empty = {line.strip() for line in done.stderr.splitlines()} - {
        "rescue: Why workers ended: jobs lost within an hour: nodata"
    }
    assert len(empty) == 1
    assert empty <= EITHER_EMPTY
    assert {picture["board"] for picture in json.loads(done.stdout)} == {file.removesuffix(".json") for file in FILES}
    assert sorted(path.stem for path in out.glob("*.png")) == [file.removesuffix(".json") for file in FILES]


def test_a_panel_without_data_and_one_with_an_error_are_found(server: Scraper, tmp_path: Path) -> None:
    """The drawing tool has teeth: it names a panel that is empty and one whose query is refused."""
    board = json.loads((FOLDER / "overview.json").read_text())
    board["panels"][2]["targets"][0]["expr"] = "no_such_metric"
    board["panels"][1]["targets"][0]["expr"] = "sum("
    (tmp_path / "broken.json").write_text(json.dumps(board))

    done = draw(server, tmp_path, tmp_path / "broken.json")

    assert done.returncode == 1
    assert "broken: Longest wait, share of limit: nodata" in done.stderr
    assert "broken: Error budget left: error" in done.stderr


def draw(server: Scraper, out: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    options = ("--prometheus", server.url, "--out", str(out), "--minutes", "5", "--vars", json.dumps({"kind": KIND}))
    return render("shoot.mjs", *options, *map(str, files))


def render(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (RENDER / "dist").exists():
        pytest.fail("the drawing tool is not built: tests/e2e/run builds it")
    return subprocess.run(
        ["node", script, *arguments], check=False, cwd=RENDER, capture_output=True, text=True, timeout=300
    )
