"""The report of `riverkeeper look` for a terminal, and as one self-contained page for a mail."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from riverkeeper.formats import moment
from riverkeeper.look.finding import Certainty, Finding, ReportPart
from riverkeeper.look.report import DOCS, HEADINGS, NEXT_DATABASE, LookReport, docs_of

_COLOURS = {ReportPart.NOW: "bold red", ReportPart.LATELY: "bold yellow", ReportPart.AHEAD: "bold cyan"}
MOST_FINDINGS = 12  # of one part; the others are less grave, and --json has all


def render_page(found: LookReport, version: str) -> str:
    """HTML without scripts, style sheets and pictures; everything from the database is escaped."""
    environment = Environment(
        loader=PackageLoader("riverkeeper", "look"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("look.html").render(
        found=found,
        version=version,
        moment=moment(found.now),
        parts=[(HEADINGS[part], part, found.of(part)) for part in ReportPart],
        next_steps=found.next_steps,
        next_database=NEXT_DATABASE,
        docs_of=docs_of,
    )


def render_terminal(found: LookReport) -> RenderableType:
    """Plain text where it comes from the database, never markup: users write kinds and errors."""
    return Group(*_lines(found))


def _lines(found: LookReport) -> Iterator[RenderableType]:
    river = f"{found.database}, schema {found.river_schema}" + (" (a standby)" if found.standby else "")
    yield Text(f"River in {river}", style="bold")
    yield Text(found.verdict)
    for part in ReportPart:
        findings = found.of(part)
        if not findings:
            continue
        yield Text()
        yield Text(HEADINGS[part], style="bold underline")
        for finding in findings[:MOST_FINDINGS]:
            yield from _finding_lines(finding)
        if len(findings) > MOST_FINDINGS:
            yield Text(f"  and {len(findings) - MOST_FINDINGS} more: --json shows all", style="dim")
    for sentence in found.unread:
        yield Text(f"Unknown, because it could not be read: {sentence}", style="bold red")
    yield Text()
    yield Text("What was read: " + " ".join(found.describe_coverage()), style="dim")
    yield Text(f"What each finding means: {DOCS}#NAME", style="dim")
    yield Text()
    yield Text("Next", style="bold underline")
    yield Padding(Text(NEXT_DATABASE), (0, 0, 0, 2))
    for goal, command in found.next_steps:
        yield Text(f"  {goal}:")
        yield Text(f"    {command}", style="bold")


def _finding_lines(finding: Finding) -> Iterator[RenderableType]:
    certainty = "" if finding.certainty is Certainty.PROVEN else f" ({finding.certainty})"
    title = Text.assemble((finding.title, _COLOURS[finding.part]), certainty, (f"  {finding.name}", "dim"))
    yield Padding(title, (0, 0, 0, 2))
    jobs = f" Jobs: {', '.join(map(str, finding.job_ids))}." if finding.job_ids else ""
    yield Padding(Text(f"{finding.evidence}{jobs}"), (0, 0, 0, 4))
    yield Padding(Text(finding.advice), (0, 0, 0, 4))
