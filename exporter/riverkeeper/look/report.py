"""The report of `riverkeeper look`: findings in reading order, what was read, and next steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from riverkeeper.config.policy import Policy
from riverkeeper.formats import rfc3339, span
from riverkeeper.look.ahead import findings_ahead
from riverkeeper.look.finding import Finding, ReportPart, count_noun
from riverkeeper.look.lately import count_river_rescues, findings_lately, seconds_until_rescue
from riverkeeper.look.now import Present, findings_now
from riverkeeper.look.traces import Coverage, Traces

DOCS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/look.md"
HEADINGS = {ReportPart.NOW: "Now", ReportPart.LATELY: "Lately", ReportPart.AHEAD: "With heartbeats"}
NEXT_STEPS = (
    ("See this all the time", "riverkeeper serve --database-url URL"),
    ("Prepare heartbeats, which find dead and hung workers at once", "riverkeeper schema install --database-url URL"),
    ("See what the rescuer would do", "riverkeeper stuck --database-url URL"),
)


@dataclass(frozen=True, slots=True)
class LookReport:
    """One inspection of one River. Moments are Unix seconds of the database's clock."""

    database: str
    river_schema: str
    standby: bool
    now: float
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    unread: tuple[str, ...]  # what could not be read, and why: its state is unknown

    def of(self, part: ReportPart) -> Sequence[Finding]:
        """Findings of one part."""
        return [finding for finding in self.findings if finding.part is part]

    @property
    def verdict(self) -> str:
        """One sentence: how many problems there are."""
        if self.unread:
            return f"{count_noun(len(self.unread), 'part')} of River could not be read: see below."
        if not self.findings:
            return "River's table shows no problem."
        now, lately = len(self.of(ReportPart.NOW)), len(self.of(ReportPart.LATELY))
        return f"{count_noun(now, 'problem')} now, {count_noun(lately, 'problem')} lately."

    def describe_coverage(self) -> Iterator[str]:
        """How far back the table was read, a sentence for each final state."""
        for state in self.coverage:
            if state.first_at is None:
                yield f"There is no {state.state} job in the table."
                continue
            left_out = "" if state.complete else "; older jobs were not read"
            jobs = count_noun(state.jobs, f"{state.state} job")
            yield f"{jobs} of the last {span(self.now - state.first_at)}{left_out}."


def report(present: Present, policy: Policy, unread: Sequence[str]) -> LookReport:
    """Every finding about one River."""
    target = present.snapshot.target
    return LookReport(
        database=target.database if target else "",
        river_schema=target.river_schema if target else "",
        standby=target.standby if target else False,
        now=present.now,
        findings=(
            *findings_now(present),
            *findings_lately(present.traces),
            *findings_ahead(present, _seconds_to_rescue(present.traces), policy),
        ),
        coverage=present.traces.coverage,
        unread=tuple(unread),
    )


def _seconds_to_rescue(traces: Traces) -> Mapping[str, float | None]:
    """Kind -> median seconds from claim to rescue by River; None where the table does not have it."""
    still: dict[str, list[float]] = {}
    for job in traces.jobs:
        if count_river_rescues(job):
            seconds = seconds_until_rescue(job)
            still.setdefault(job.kind, []).extend([] if seconds is None else [seconds])
    return {kind: median(times) if times else None for kind, times in still.items()}


def document(found: LookReport) -> dict[str, object]:
    """For json.dumps."""
    return {
        "database": found.database,
        "river_schema": found.river_schema,
        "standby": found.standby,
        "now": rfc3339(found.now),
        "verdict": found.verdict,
        "findings": [{**asdict(finding), "docs": docs_of(finding)} for finding in found.findings],
        "read": [
            {
                "state": state.state, "jobs": state.jobs, "complete": state.complete,
                "first_at": rfc3339(state.first_at), "last_at": rfc3339(state.last_at),
            }
            for state in found.coverage
        ],
        "unread": list(found.unread),
        "next_steps": [{"why": why, "command": command} for why, command in NEXT_STEPS],
    }  # fmt: skip


def docs_of(finding: Finding) -> str:
    """The address of the paragraph that explains a finding."""
    return f"{DOCS}#{finding.name}"
