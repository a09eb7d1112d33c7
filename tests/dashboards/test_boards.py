"""The dashboards are laid out well, lead where they promise, and query only what Riverkeeper exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser

from dashboards.boards import (
    FILES,
    FOLDER,
    Json,
    board,
    children,
    filled,
    label_queries,
    nodes,
    panels,
    parsed,
    queries_of,
    rows,
    selectors,
    variables,
)
from fixtures.offenders import for_each
from riverkeeper.assets.alerting import alerting_files
from riverkeeper.config.assets import AssetSettings
from riverkeeper.dashboards import DASHBOARDS, DashboardScope, dashboards
from riverkeeper.dashboards.parts.query import FAMILIES
from riverkeeper.dashboards.parts.scope import NO_ADDRESS, RIVER_LABELS
from riverkeeper.metrics.family import MetricType
from riverkeeper.river.layout import FINAL_STATES, LIVE_STATES
from riverkeeper.web.pages.failing import FailingPage
from riverkeeper.web.pages.job_list import JobListPage
from riverkeeper.web.pages.running import RunningPage

for_each_board = for_each("file", FILES)
BOARDS = {board(file)["uid"]: file for file in FILES}
PAGES = {  # of the keeper, with the parameters that each takes
    "/stuck": {*JobListPage.names, "limit"},
    "/running": {*RunningPage.names, *RunningPage.own_names, "limit"},
    "/failing": {*FailingPage.names, "limit"},
    "/rescues": {*JobListPage.names, "limit"},
}

LABELS = {family.name: set(family.labels) for family in FAMILIES}
SAMPLES = LABELS | {
    f"{family.name}_bucket": {*family.labels, "le"}
    for family in FAMILIES
    if family.kind in {MetricType.HISTOGRAM, MetricType.AGES}
}
OF_SCRAPE = {"job", "instance", "pod", *RIVER_LABELS}
OF_ALERTS = {"alertname", "alertstate", "severity", "cause", "queue", "kind", "tier", "reason"}
# Series of the recording rules carry their labels in their names: queue_tier:river_job_waits:increase1h.
RECORDED = re.findall(
    r"record: (\w+:\w+:\w+)", (FOLDER.parents[1] / "alerts" / "recording.yml").read_text(encoding="utf-8")
)
SAMPLES |= {name: set(name.partition(":")[0].split("_")) for name in RECORDED}
SAMPLES |= {"ALERTS": OF_ALERTS, "ALERTS_FOR_STATE": OF_ALERTS}


def test_one_file_for_each_dashboard() -> None:
    """Nothing lies in the folder that the code does not build; that they are equal, tests/consistency checks."""
    assert sorted(f"{name}.json" for name in DASHBOARDS) == FILES


def test_names_are_their_own() -> None:
    """A uid or title that comes twice stops Grafana's provisioning of the whole folder."""
    assert len(BOARDS) == len({board(file)["title"] for file in FILES}) == len(FILES)
    assert all(len(uid) <= 40 for uid in BOARDS)


@for_each_board
def test_classic_model(file: str) -> None:
    """What Grafana 10 to 13 load from a file: no id of a database, nothing that only an import fills in."""
    assert 39 <= board(file)["schemaVersion"] <= 42
    assert not {"id", "__inputs", "__requires"} & board(file).keys()
    assert "${DS_" not in (FOLDER / file).read_text(encoding="utf-8")


@for_each_board
def test_panel_ids_are_unique(file: str) -> None:
    """Collapsed panels and headings count too."""
    ids = [row["id"] for row in rows(file) if row["type"] == "row"] + [panel["id"] for panel in panels(file)]

    assert len(ids) == len(set(ids))


@for_each_board
def test_panels_lie_beside_each_other(file: str) -> None:
    """None is wider than the page, and none lies on another; a collapsed row's panels come below all that is open."""
    placed = [panel["gridPos"] for panel in [row for row in rows(file) if row["type"] == "row"] + panels(file)]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in placed)
    assert [pair for pair in combinations(placed, 2) if overlap(*pair)] == []


def overlap(place: Json, other: Json) -> bool:
    return bool(
        place["x"] < other["x"] + other["w"]
        and other["x"] < place["x"] + place["w"]
        and place["y"] < other["y"] + other["h"]
        and other["y"] < place["y"] + place["h"]
    )


@for_each_board
def test_lines_are_full(file: str) -> None:
    """Panels of a line fill it: a hole looks like a panel that did not load."""
    lines: dict[int, int] = {}
    for panel in panels(file):
        lines[panel["gridPos"]["y"]] = lines.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]

    assert set(lines.values()) == {24}


def test_first_screen_of_the_overview_needs_no_scrolling() -> None:
    """A grid unit is 38 pixels; 720 leave room for Grafana's own bars on a screen of 900."""
    first = next(row["gridPos"]["y"] for row in rows("overview.json") if row["type"] == "row")

    assert first * 38 <= 720


@for_each_board
def test_legends_list_last_and_max(file: str) -> None:
    """A table names the lines, with the last and the highest value of each."""
    for panel in panels(file):
        if panel["type"] == "timeseries":
            legend = panel["options"]["legend"]
            assert (legend["displayMode"], legend["calcs"]) == ("table", ["lastNotNull", "max"]), panel["title"]


@for_each_board
def test_only_bars_are_stacked(file: str) -> None:
    """The topmost line of a stack is the sum of all, and is taken for its own queue."""
    for panel in panels(file):
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        stacked = custom.get("stacking", {}).get("mode", "none") != "none"
        assert not stacked or custom["drawStyle"] == "bars", panel["title"]


@for_each_board
def test_units_are_for_people(file: str) -> None:
    """Jobs are counted by the minute; a logarithmic axis names its ticks, for Grafana writes 100 s as 1.67 mins."""
    for panel in panels(file):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults.get("unit") not in {"ops", "rps", "wps", "reqps"}, panel["title"]
        if defaults.get("custom", {}).get("scaleDistribution", {}).get("type") == "log":
            assert {option for mapping in defaults["mappings"] for option in mapping["options"]} >= {"100", "1000"}


@for_each_board
def test_numbers_are_of_now(file: str) -> None:
    """The last value of a range may be hours old: 0 stuck jobs of the time before the database was lost."""
    for panel in panels(file):
        if panel["type"] in {"stat", "bargauge", "table"}:
            assert all(target["instant"] and not target["range"] for target in panel["targets"]), panel["title"]


NUMBERS_OF_NOBODY = {  # panels about Riverkeeper or the database, which have no jobs to lead to
    "Active replicas", "Replicas", "Series", "Queries to the database", "Counted late", "Requests refused",
    "Size of tables", "Dead rows for each live row", "Leader's lease ends in", "Oldest finished job", "Watched?",
    "Queue states", "Brakes over time",
}  # fmt: skip


@for_each_board
def test_every_number_leads_to_its_jobs(file: str) -> None:
    """A click on a value opens a page of Riverkeeper, or a board that is one click from it."""
    linked = {
        panel["title"] for panel, link in links(file) if panel and link["url"].startswith(("${keeper_url}", "/d/"))
    }
    unlinked = (
        {panel["title"] for panel in panels(file)}
        - linked
        - {p["title"] for p in panels(file) if p["type"] == "heatmap"}
    )

    assert unlinked <= NUMBERS_OF_NOBODY


@for_each_board
def test_no_link_to_localhost(file: str) -> None:
    """What ships leads nowhere rather than to the reader's own machine; the address names the option to set."""
    text = (FOLDER / file).read_text(encoding="utf-8")

    assert "localhost" not in text
    assert variables(file)["keeper_url"]["query"] == NO_ADDRESS


@for_each_board
def test_every_metric_and_label_exists(file: str) -> None:
    """Expressions, groupings, joins and legends name only what the catalogue declares."""
    for query in queries_of(file):
        known = set(OF_SCRAPE)
        for selector in selectors(query.expr):
            assert selector.name in SAMPLES, query.place
            allowed = SAMPLES[selector.name] | OF_SCRAPE
            assert {matcher.name for matcher in selector.matchers.matchers} <= allowed, query.place
            known |= allowed
        for node in nodes(parsed(query.expr)):
            assert set(grouped(node)) <= known, query.place
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= known, query.place


def grouped(node: object) -> list[str]:
    """Labels that an aggregation or a join names."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
        return list(node.modifier.labels)
    if isinstance(node, promql_parser.BinaryExpr) and node.modifier:
        matching = node.modifier.matching
        return [*(matching.labels if matching else []), *(node.modifier.group_labels or [])]
    return []


@for_each_board
def test_variables_ask_for_what_exists(file: str) -> None:
    """Families and labels of the variables' queries, too."""
    for _, selector, label in label_queries(file):
        (found,) = selectors(selector)
        named = {matcher.name for matcher in found.matchers.matchers} | {label}
        assert named <= SAMPLES[found.name] | OF_SCRAPE


@for_each_board
def test_replicas_count_once(file: str) -> None:
    """Replicas export the same facts: nothing of river_* is added up or counted before replicas are folded into one."""
    for query in queries_of(file):
        assert list(counted_twice(parsed(query.expr))) == [], query.place


def test_a_fact_that_counts_twice_is_found() -> None:
    """The rule above has teeth: a sum over replicas is found, also through a rate."""
    twice, once = "sum by (queue) (rate(river_x_total[1m]))", "sum(max without (instance, pod) (river_jobs))"

    assert list(counted_twice(parsed(twice))) == ["river_x_total"]
    assert list(counted_twice(parsed(once))) == []


def counted_twice(node: Any, adding: bool = False) -> Iterator[str]:
    """Facts that a sum reaches without an aggregation over the replica labels between."""
    if isinstance(node, promql_parser.AggregateExpr):
        folds = node.modifier is not None and set(node.modifier.labels) == set(DashboardScope().replica_labels)
        adding = not folds and (adding or str(node.op) not in {"max", "min"})
    if isinstance(node, promql_parser.VectorSelector) and adding and (node.name or "").startswith("river_"):
        yield str(node.name)
    for child in children(node):
        yield from counted_twice(child, adding)


@for_each_board
def test_variables_are_declared(file: str) -> None:
    """Every $variable of an expression, link or query is one of the board's, or Grafana's own."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    used = {name for name in re.findall(r"\$\{?(\w+)", text) if not name.startswith("__")}

    assert used == variables(file).keys()


@for_each_board
def test_one_value_is_matched_by_equality(file: str) -> None:
    """Grafana escapes only variables of several values: as a pattern, the kind `sync[order]` would not match itself."""
    single = {variable["name"] for variable, _, _ in label_queries(file) if not variable["multi"]}
    for query in queries_of(file):
        assert not single & set(re.findall(r'[=!]~"\$(\w+)[|"]', query.expr)), query.place


def links(file: str) -> list[tuple[Json, Json]]:
    """Links of a board, its panels and their fields, each with the panel it stands in ({} for the board's own)."""
    found: list[tuple[Json, Json]] = [({}, link) for link in board(file)["links"] if link["type"] == "link"]
    for panel in panels(file):
        config = panel["fieldConfig"]
        listed = [*panel["links"], *config["defaults"].get("links", [])]
        settings = [setting for override in config["overrides"] for setting in override["properties"]]
        listed += [link for setting in settings if setting["id"] == "links" for link in setting["value"]]
        found += [(panel, link) for link in listed]
    return found


@for_each_board
def test_links_lead_somewhere(file: str) -> None:
    """To a board that exists, with variables that it has; to a page with filters that it has; to a runbook."""
    for panel, link in links(file):
        path, _, query = link["url"].partition("?")
        assert not re.findall(r"=\$\{[^}:]+\}", query), "a value that is not percent-encoded"
        if path.startswith("/d/"):
            names = set(re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", query))
            assert {single or other for single, other in names} <= variables(BOARDS[path.removeprefix("/d/")]).keys()
        elif path.startswith("${keeper_url}"):
            assert set(re.findall(r"(\w+)=", query)) <= PAGES[path.removeprefix("${keeper_url}")]
        else:
            assert path == DashboardScope().runbooks + "/${__value.raw}.md", panel["title"]


def test_alerts_lead_to_boards_that_exist() -> None:
    """An alert's dashboard_url opens a board, and sets variables that it has."""
    rules = "".join(alerting_files(AssetSettings(grafana_url="https://grafana.example")).values())
    found = re.findall(r"/d/([\w-]+)\?([^\"\s]*)", rules.replace(" ", ""))

    assert found
    for uid, query in found:
        assert set(re.findall(r"var-(\w+)=", query)) <= variables(BOARDS[uid]).keys()


@for_each_board
def test_links_take_what_the_panel_has(file: str) -> None:
    """A value that a link puts into its address is a column of the table, or a label of the line."""
    for panel, link in links(file):
        columns = {override["matcher"]["options"] for override in panel.get("fieldConfig", {}).get("overrides", [])}
        labels = {
            label
            for target in panel.get("targets", [])
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        }

        assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= columns
        assert set(re.findall(r"__field\.labels\.(\w+)", link["url"])) <= labels


@for_each_board
def test_overrides_name_what_is_there(file: str) -> None:
    """An override by name is of a column or of a line that the panel has."""
    for panel in panels(file):
        renamed = [
            transformation["options"]["renameByName"].values()
            for transformation in panel["transformations"]
            if transformation["id"] == "organize"
        ]
        names = {name for names in renamed for name in names} | {target["legendFormat"] for target in panel["targets"]}
        words = (
            {*LIVE_STATES, *FINAL_STATES, "retried", "unknown_kind"} if {"{{outcome}}", "{{state}}"} & names else set()
        )
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["id"] == "byName":
                assert override["matcher"]["options"] in names | words, panel["title"]
            else:
                pattern = override["matcher"]["options"].strip("/")
                assert any(re.search(pattern, name) for name in names), panel["title"]


def test_another_place_changes_only_what_it_names() -> None:
    """Replica labels, Riverkeeper's address and the runbooks' folder are all that a configuration changes."""
    other = DashboardScope(
        replica_labels=("instance", "zone"), keeper_url="https://keeper.example", runbooks="https://wiki.example"
    )
    for file, text in dashboards(other).items():
        back = text.replace("instance, zone", "instance, pod").replace("https://keeper.example", NO_ADDRESS)
        assert back.replace("https://wiki.example", DashboardScope().runbooks) == (FOLDER / file).read_text(
            encoding="utf-8"
        )


def test_a_tier_is_held_to_its_own_objective() -> None:
    """The budget of a tier with an objective of its own is what that leaves; the others keep 1 %."""
    scope = DashboardScope(wait_objectives={"urgent": 0.999})
    text = dashboards(scope)["overview.json"].replace('\\"', '"')

    assert 'tier="urgent"' in text
    assert 'tier!~"urgent"' in text
    assert "/ 0.001 or " in text
    assert "/ 0.001" not in dashboards()["overview.json"]


def test_filling_leaves_no_variable() -> None:
    """The tests' own substitution knows every form that the boards use."""
    assert filled('x{a=~"$job", b=~"${queue:regex}|"}[$__rate_interval]') == 'x{a=~".*", b=~".*|"}[20s]'
