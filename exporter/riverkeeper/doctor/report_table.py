"""The doctor's report as a person reads it in a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from riverkeeper.doctor.report import Finding, Level, Report

_MARKS = {
    Level.OK: Text("ok", "green"),
    Level.WARNING: Text("warning", "yellow"),
    Level.PROBLEM: Text("problem", "bold red"),
}


def table_of(report: Report) -> Table:
    """One row a finding; the fix stands below what was found."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in report.findings:
        table.add_row(_MARKS[finding.level], finding.topic, _said(finding))
    return table


def _said(finding: Finding) -> Text:
    """Plain text, never markup: names are written by users."""
    said = Text(finding.message)
    return said.append(f"\n→ {finding.fix}", "dim") if finding.fix else said
