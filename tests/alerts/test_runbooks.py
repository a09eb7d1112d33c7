"""Each alert has a page for its reader: what to run, where, when to stop, how to go back, whom to call."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from itertools import pairwise

import click

from alerts.kubectl import refuse_unknown
from alerts.promql import aggregations, exported, labels, recorded, selectors
from alerts.rulebook import RUNBOOKS, alerts
from alerts.runbook import PLACEHOLDERS, SECTIONS, Block, Page, filled, pages, read_page
from fixtures.commands import find_command
from fixtures.offenders import for_each
from riverkeeper.config.option import options
from riverkeeper.config.settings import Settings

TABLES = {"river_job", "river_queue", "river_leader"}
OF_TARGET = {"job", "instance", "pod", "alertname"}
OF_PROMETHEUS = {"up", "ALERTS", "process_start_time_seconds", "scrape_duration_seconds"}
MOST_LINES = 175  # two screens of a laptop; the longest has the most ways to end
WITHOUT_ARGUMENT = {"riverkeeper rescue run", "riverkeeper assets"}  # a sentence names the command itself
# Alerts and options that the rules do not have yet.
NOT_YET = {page.name for page in pages()} - {rule.name for rule in alerts()}
OPTIONS_NOT_YET: set[str] = set()
INDEX = {  # heading -> what the severity of its alerts says
    "Alerts that page": ["critical"],
    "Tickets": ["warning"],
    "Tickets about Riverkeeper itself": ["warning"],
    "For nobody": ["none"],
}
COMMIT = Block("sql", "COMMIT;\n", "COMMIT\n")
for_each_page = for_each("page", pages(), lambda page: page.name)


def blocks(page: Page, language: str) -> list[Block]:
    return [block for block in page.blocks if block.language == language]


def commands(page: Page) -> list[str]:
    """Lines of `sh` blocks, and commands that a sentence names."""
    named = [text for text in re.findall(r"`(riverkeeper [a-z][^`…]*)`", page.text) if text not in WITHOUT_ARGUMENT]
    return [line for block in blocks(page, "sh") for line in block.lines] + named


def test_each_alert_has_a_page_and_no_page_is_left_over() -> None:
    """An alert that was removed takes its page with it."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} - NOT_YET == {rule.name for rule in alerts()}


def test_the_index_lists_each_page_once() -> None:
    """Below the heading of its readers. The words in capitals that it explains are those that the tests fill in."""
    index = read_page(RUNBOOKS / "README.md")
    listed = {title: re.findall(r"^\| \[(\w+)\]", index.section(title), re.MULTILINE) for title in INDEX}
    names = [name for of_title in listed.values() for name in of_title]

    assert sorted(names) == sorted(page.name for page in pages())
    for title, severities in INDEX.items():
        for name in listed[title]:  # an alert may have a rule of lower severity beside
            found = " ".join(rule.labels["severity"] for rule in alerts() if rule.name == name)
            assert all(severity in found for severity in severities), (title, name)
    assert all(name.startswith("Riverkeeper") for name in listed["Tickets about Riverkeeper itself"])
    assert len(listed["Alerts that page"]) <= 7
    assert all(name in index.section("How the pages are made") for name in PLACEHOLDERS)


@for_each_page
def test_sections(page: Page) -> None:
    """The same on each page, in the same order, none empty; and no more to read than needed."""
    assert page.text.startswith(f"# {page.name}\n")
    assert page.sections == SECTIONS
    assert all(len(page.section(title)) > 15 for title in SECTIONS)
    assert len(page.text.splitlines()) <= MOST_LINES


@for_each_page
def test_impact_and_urgency(page: Page) -> None:
    """Who feels it; how soon, and what happens if nobody acts."""
    text = page.section("Impact and urgency")

    assert text.startswith("**Impact.** ")
    assert "\n**Urgency.** " in text
    assert "If nobody acts" in text or "**Urgency.** None" in text


@for_each_page
def test_where_to_run_it(page: Page) -> None:
    """Both variants, equal on each page; and where SQL, amtool and the workers' namespace are from."""
    text = page.section("Where to run it")
    common = read_page(RUNBOOKS / "README.md").section("Where to run it").partition("\n\n")[0]

    assert text.startswith(common)
    assert ("SQL: in" in text) is bool(blocks(page, "sql"))
    for name in ("WORKERS", "DEPLOYMENT", "ALERTMANAGER_URL"):
        assert (name in text) is any(name in line for line in commands(page)), name


@for_each_page
def test_steps(page: Page) -> None:
    """Numbered; each names when to stop or where to go on, and how to undo what it changes or that nothing can."""
    assert [step.number for step in page.steps] == list(range(1, len(page.steps) + 1))
    for step in page.steps:
        assert "Stop:" in step.text, step.title
        assert "Undo:" in step.text or not step.changes_something, step.title
        assert all(int(number) <= len(page.steps) for number in re.findall(r"\bstep (\d+)(?! of \[)", step.text))


@for_each_page
def test_printed_output(page: Page) -> None:
    """What a statement or a command of Riverkeeper prints is shown below it."""
    for block in page.blocks:
        ours = [line for line in block.lines if line.startswith("riverkeeper ")]
        expected = block.language == "sql" or (block.language == "sh" and ours and ours == block.lines)
        assert block.printed or not expected or "--json" in block.text, block.text


@for_each_page
def test_statements_that_change_rows_are_guarded(page: Page) -> None:
    """In a transaction that first shows the rows of the same condition, with COMMIT as a block of its own.

    The condition names the state, and of a running job its claim.
    """
    for block, below in pairwise([*blocks(page, "sql"), COMMIT]):
        for statement in re.findall(r"^(?:UPDATE|DELETE)\b[^;]*;", block.text, re.MULTILINE):
            condition = statement.rstrip(";").split("WHERE ", 1)[1].split(" AND id IN (")[0].strip()
            before = block.text[: block.text.index(statement)]
            assert block.text.startswith("BEGIN;\n"), statement
            assert below.text == COMMIT.text, statement
            assert condition in before, statement
            assert re.search(r"\bstate (?:=|IN) ", condition), statement
            assert "state = 'running'" not in condition or "attempted_at = 'ATTEMPTED_AT'" in condition, statement


@for_each_page
def test_queries(page: Page) -> None:
    """Of metrics and labels that exist, of one River: each selector names the job, each aggregation keeps it."""
    known = exported() | recorded()
    for block in blocks(page, "promql"):
        for selector in selectors(block.text):
            assert selector.name in {*known, *OF_PROMETHEUS}, block.text
            names = {matcher.name for matcher in selector.matchers.matchers}
            assert "job" in names, block.text
            assert names <= known.get(selector.name, frozenset()) | OF_TARGET, block.text
        for node in aggregations(block.text):
            assert "without" in str(node.modifier) or "job" in node.modifier.labels, block.text


@for_each_page
def test_names_in_the_text_exist(page: Page) -> None:
    """Metrics, options and other pages, also outside of commands."""
    metrics = set(re.findall(r"`((?:[a-z_]+:)?river(?:keeper)?_[a-z0-9_:]+)", page.text))
    named = set(re.findall(r"`((?:assets|collect|rescue|webhook)\.[a-z_]+)", page.text))
    links = re.findall(r"\]\(([^)]*)\)", page.text)

    assert metrics <= exported().keys() | recorded().keys() | TABLES
    assert named - OPTIONS_NOT_YET <= {option.key for option in options(Settings)}
    assert all(f"[{link.removesuffix('.md')}]({link})" in page.text and (RUNBOOKS / link).exists() for link in links)
    assert f"({page.name}.md)" not in page.text
    assert "(River" in page.section("Related")


@for_each_page
def test_labels_of_the_alert_exist(page: Page) -> None:
    """A page names a label, and a value of a fixed one, only if its alert has it."""
    rules = [rule for rule in alerts() if rule.name == page.name]
    known = {name for rule in rules for name in (*labels(rule.expr), *rule.labels)}
    values = {rule.labels["cause"] for rule in rules if "cause" in rule.labels}
    named = re.findall(r"[Ll]abels? `(\w+)`", page.text)

    assert not rules or set(named) <= known
    assert all(f"`{value}`" in page.section("What it means") for value in values)


@for_each_page
def test_commands_exist(page: Page) -> None:
    """Each is a command of this version with options it has, or a form of another program that the list knows."""
    for line in commands(page):
        program = line.split()[0]
        assert program in OTHERS, line
        OTHERS[program](line)


def parse_ours(line: str) -> None:
    words = shlex.split(filled(line, dict.fromkeys(PLACEHOLDERS, "1")))[1:]
    command, rest = find_command(words)
    if not isinstance(command, click.Group):
        command.make_context("riverkeeper", rest)  # raises for an option or an argument it does not take


def matches(*forms: str) -> Callable[[str], None]:
    def check(line: str) -> None:
        assert any(re.fullmatch(form, line) for form in forms), line

    return check


OTHERS: dict[str, Callable[[str], None]] = {
    "riverkeeper": parse_ours,
    "riverkeeper()": matches(
        r'riverkeeper\(\) \{ .*riverkeeper "\$@" --config\.file /etc/riverkeeper/riverkeeper\.yml; \}'
    ),
    "kubectl": refuse_unknown,
    "systemctl": matches(r"systemctl (?:status|restart) riverkeeper"),
    "journalctl": matches(r"journalctl -u riverkeeper -n \d+"),
    "timedatectl": matches("timedatectl status"),
    "curl": matches(r"curl -s (?:-X POST )?http://127\.0\.0\.1:9816/\S+"),  # run in tests/e2e/test_runbook_queries.py
    "amtool": matches(r"amtool --alertmanager\.url=ALERTMANAGER_URL .*"),  # the same
}
