"""The report of `riverkeeper look` in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from riverkeeper.look.finding import Certainty, Finding, Part
from riverkeeper.look.report import DOCS, HEADINGS, NEXT_STEPS, Report

_COLOURS = {Part.NOW: "bold red", Part.LATELY: "bold yellow", Part.AHEAD: "bold cyan"}
MOST_FINDINGS = 12  # of one part: what comes after is less grave; --json has all


def shown(found: Report) -> RenderableType:
    """Plain text where it comes from the database, never markup: kinds and errors are written by users."""
    return Group(*_parts(found))


def _parts(found: Report) -> Iterator[RenderableType]:
    where = f"{found.database}, schema {found.river_schema}" + (" (a standby)" if found.standby else "")
    yield Text(f"River in {where}", style="bold")
    yield Text(found.verdict)
    for part in Part:
        findings = found.of(part)
        if not findings:
            continue
        yield Text()
        yield Text(HEADINGS[part], style="bold underline")
        for finding in findings[:MOST_FINDINGS]:
            yield from _finding(finding)
        if len(findings) > MOST_FINDINGS:
            yield Text(f"  and {len(findings) - MOST_FINDINGS} more: --json shows all", style="dim")
    for sentence in found.unread:
        yield Text(f"Could not be read: {sentence}", style="bold red")
    yield Text()
    yield Text("What was read: " + " ".join(found.remembered()), style="dim")
    yield Text(f"What each finding means: {DOCS}", style="dim")
    yield Text()
    yield Text("Next", style="bold underline")
    for why, command in NEXT_STEPS:
        yield Text.assemble(f"  {why}: ", (command, "bold"))


def _finding(finding: Finding) -> Iterator[RenderableType]:
    sure = "" if finding.certainty is Certainty.PROVEN else f" ({finding.certainty})"
    yield Text.assemble((f"  {finding.title}", _COLOURS[finding.part]), sure, (f"  {finding.name}", "dim"))
    jobs = f" Jobs: {', '.join(map(str, finding.job_ids))}." if finding.job_ids else ""
    yield Padding(Text(f"{finding.evidence}{jobs}"), (0, 0, 0, 4))
    yield Padding(Text(finding.advice), (0, 0, 0, 4))
