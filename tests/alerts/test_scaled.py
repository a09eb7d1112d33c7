"""The rules in scaled time, by which alerts are seen, differ from the shipped ones in durations alone."""

from __future__ import annotations

import re

import pytest

from alerts.rulebook import ALERTS
from e2e.scaled import scaled
from fixtures.offenders import for_each
from riverkeeper.assets.alerting import RULES

FILES = [*RULES, "alertmanager"]


@for_each("name", FILES)
def test_nothing_but_numbers_changes(name: str) -> None:
    """A factor of one is the shipped file, in seconds; any factor leaves every word."""
    shipped = (ALERTS / f"{name}.yml").read_text(encoding="utf-8")

    assert _without_numbers(scaled(shipped, 15)) == _without_numbers(shipped)
    assert _without_numbers(scaled(shipped, 1)) == _without_numbers(shipped)


@pytest.mark.parametrize(
    ("shipped", "quick"),
    [
        ("        for: 10m\n", "        for: 40s\n"),
        ("rate(x_total[5m])", "rate(x_total[20s])"),
        ("x[1d] offset 1h", "x[5760s] offset 240s"),
        ("x:increase1h[1d:10m]", "x:increase1h[5760s:40s]"),
        ("          > 240\n", "          > 16\n"),
        ("          > 900\n", "          > 60\n"),
        ("unless age <= 300", "unless age <= 20"),
        ("min <= 1500", "min <= 1500"),  # River's own ten minutes
        ("increase1h > 5", "increase1h > 5"),
        ("group_wait: 0s", "group_wait: 0s"),
        ("  group_wait: 5s", "  group_wait: 1s"),
    ],
)
def test_durations_and_ages_are_divided(shipped: str, quick: str) -> None:
    """Counts stay, and what River fixes; nothing that waits comes down to nothing."""
    assert scaled(shipped, 15) == quick


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+[smhd]?\b", "N", text)
