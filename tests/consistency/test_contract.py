"""The heartbeat contract shows the real statements, and each of its MUSTs has a scenario that every client plays."""

from __future__ import annotations

import json
import re

from conformance.suite import SCENARIOS, Level
from consistency.tree import ROOT

CLIENTS = ROOT / "clients"
TEXT = (CLIENTS / "CONTRACT.md").read_text(encoding="utf-8")
LEVELS = {"P": Level.PLAIN, "R": Level.PROGRESS, "L": Level.LEASING, "F": Level.FULL}
MUST = re.compile(r"^\| ([PRLF]\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)


def test_the_statements_of_the_first_page_are_the_generated_ones() -> None:
    """A newcomer copies them from there."""
    shown = [block.strip() for block in re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)]
    generated = [
        re.sub(r"^(--.*\n)+", "", (CLIENTS / "numbered" / f"{name}.sql").read_text(encoding="utf-8")).strip()
        for name in ("tables", "meta", "beat_plain")
    ]

    assert shown == generated


def test_each_must_names_scenarios_of_its_level_or_below() -> None:
    """A client that claims a level is tested by every rule of it."""
    levels = {scenario.name: scenario.level for scenario in SCENARIOS}
    rules = {rule: re.findall(r"`(\w+)`", named) for rule, named in MUST.findall(TEXT)}
    wrong = {
        rule: names
        for rule, names in rules.items()
        if not names or any(levels.get(name, Level.FULL + 1) > LEVELS[rule[0]] for name in names)
    }

    assert wrong == {}
    assert {rule[0] for rule in rules} == set(LEVELS)


def test_each_scenario_belongs_to_a_must() -> None:
    """A client fails by what the contract demands, and by nothing else."""
    named = {name for _, names in MUST.findall(TEXT) for name in re.findall(r"`(\w+)`", names)}

    assert sorted({scenario.name for scenario in SCENARIOS} - named) == []


def test_the_table_of_errors_is_that_of_the_vectors() -> None:
    """Each SQLSTATE that is not an ordinary failure stands in it, with its meaning."""
    [table] = re.findall(r"### Errors\n(.*?)\n\n", TEXT, re.DOTALL)
    meanings = {
        state: cells[1].strip().partition(":")[0]
        for cells in (row.strip("|").split("|") for row in table.splitlines()[2:])
        for state in re.findall(r"`(\w{5})`", cells[0])
    }
    cases = json.loads((CLIENTS / "vectors" / "sqlstates.json").read_text(encoding="utf-8"))
    meant = {case["sqlstate"]: case["meaning"].replace("_", "-") for case in cases}

    assert {state: meant.get(state) for state in meanings} == meanings
    assert {state for state, meaning in meant.items() if meaning != "failure"} <= set(meanings)
