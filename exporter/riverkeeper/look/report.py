"""The report of `riverkeeper look`: findings in reading order, what was read, and next steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.formats import count_noun, rfc3339, span
from riverkeeper.look.ahead import findings_ahead
from riverkeeper.look.finding import Finding, ReportPart, fold
from riverkeeper.look.lately import findings_lately
from riverkeeper.look.now import findings_of_jobs
from riverkeeper.look.present import Present
from riverkeeper.look.services import findings_of_services
from riverkeeper.look.traces import Coverage

DOCS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/look.md"
MOST_NAMES = 100  # kinds or queues of one finding in the JSON document
HEADINGS = {ReportPart.NOW: "Now", ReportPart.LATELY: "Lately", ReportPart.AHEAD: "With heartbeats"}
INSTALL = "riverkeeper schema install"
NEXT_STEPS = (
    ("See this at any time", "riverkeeper serve"),
    ("As the owner of River's tables, prepare heartbeats: they find dead and hung workers within seconds",
     INSTALL),
    ("See which step comes next", "riverkeeper check"),
)  # fmt: skip
NEXT_DATABASE = "These commands read the address of the database from RIVERKEEPER_DATABASE_URL, or from --database-url."


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
    prepared: bool = False  # the tables for heartbeats are there

    @property
    def next_steps(self) -> Sequence[tuple[str, str]]:
        """Goals, each with its command."""
        return [step for step in NEXT_STEPS if not (self.prepared and step[1] == INSTALL)]

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
        """What was read, and what was left out."""
        for state in self.coverage:
            jobs = count_noun(state.jobs, f"{state.state} job")
            if state.final and state.first_at is not None:
                yield f"{jobs} of the last {span(self.now - state.first_at)}" + (
                    "." if state.complete else "; older ones were not read."
                )
            elif not state.complete:
                yield f"{jobs}, the next of each queue; there are more."
            if not state.every_trace:
                yield f"More {state.state} jobs have errors, rescues or snoozes than are read here."
        live = [state for state in self.coverage if not state.final and state.complete]
        if live:
            yield "Every job that is " + ", ".join(f"{state.state} ({state.jobs:,})" for state in live) + "."
        absent = [state.state for state in self.coverage if state.final and state.first_at is None]
        if absent:
            yield f"The table has no {' and no '.join(absent)} job."


def report(present: Present, policy: Policy, unread: Sequence[str]) -> LookReport:
    """Every finding about one River."""
    target = present.snapshot.target
    return LookReport(
        database=target.database if target else "",
        river_schema=target.river_schema if target else "",
        standby=target.standby if target else False,
        now=present.now,
        findings=tuple(
            fold(
                [
                    *findings_of_jobs(present),
                    *findings_of_services(present),
                    *findings_lately(present),
                    *findings_ahead(present, policy),
                ]
            )
        ),
        coverage=present.traces.coverage,
        unread=tuple(unread),
        prepared=present.snapshot.beating_clients is not None,
    )


def document(found: LookReport) -> dict[str, object]:
    """For json.dumps."""
    return {
        "database": found.database,
        "river_schema": found.river_schema,
        "standby": found.standby,
        "now": rfc3339(found.now),
        "verdict": found.verdict,
        "findings": [_describe(finding) for finding in found.findings],
        "read": [
            {
                "state": state.state, "jobs": state.jobs, "complete": state.complete, "every_trace": state.every_trace,
                "first_at": rfc3339(state.first_at), "last_at": rfc3339(state.last_at),
            }
            for state in found.coverage
        ],
        "unread": list(found.unread),
        "next_steps": [{"why": why, "command": command} for why, command in found.next_steps],
    }  # fmt: skip


def _describe(finding: Finding) -> dict[str, object]:
    """At most MOST_NAMES kinds and queues, beside their numbers."""
    return {
        **asdict(finding),
        "kinds": finding.kinds[:MOST_NAMES],
        "kinds_total": len(finding.kinds),
        "queues": finding.queues[:MOST_NAMES],
        "queues_total": len(finding.queues),
        "docs": docs_of(finding),
    }


def docs_of(finding: Finding) -> str:
    """The address of the paragraph that explains a finding."""
    return f"{DOCS}#{finding.name}"
