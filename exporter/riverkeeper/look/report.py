"""What `riverkeeper look` says: the findings in reading order, what was read, and the next steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from riverkeeper.config.policy import Policy
from riverkeeper.formats import rfc3339, span
from riverkeeper.look.ahead import findings_ahead
from riverkeeper.look.finding import Finding, Part
from riverkeeper.look.job_trace import Coverage, Traces
from riverkeeper.look.lately import findings_lately, river_rescues, stood_still
from riverkeeper.look.now import Present, findings_now

DOCS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/look.md"
HEADINGS = {Part.NOW: "Now", Part.LATELY: "Lately", Part.AHEAD: "With heartbeats"}
NEXT_STEPS = (
    ("See it all the time", "riverkeeper serve --database-url URL"),
    ("Find dead and hung workers at once", "riverkeeper schema install --database-url URL"),
    ("See what a rescuer would do, without its doing it", "riverkeeper stuck --database-url URL"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """One inspection of one River. Moments are Unix seconds of the database's clock."""

    database: str
    river_schema: str
    standby: bool
    now: float
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    unread: tuple[str, ...]  # what could not be read, and why: it is unknown, not fine

    def of(self, part: Part) -> Sequence[Finding]:
        """Findings of one part."""
        return [finding for finding in self.findings if finding.part is part]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.unread:
            return f"{len(self.unread)} {'part' if len(self.unread) == 1 else 'parts'} could not be read: see below."
        if not self.findings:
            return "Nothing is wrong, as far as River's table shows."
        troubles = len(self.of(Part.NOW))
        past = len(self.of(Part.LATELY))
        return (
            f"{troubles} {'thing needs' if troubles == 1 else 'things need'} attention now; {past} went wrong lately."
        )

    def remembered(self) -> Iterator[str]:
        """How far back the table was read, a sentence for each final state."""
        for one in self.coverage:
            if one.first_at is None:
                yield f"No {one.state} job is in the table."
                continue
            left_out = "" if one.complete else "; older ones were not read"
            yield f"{one.jobs:,} {one.state} jobs of the last {span(self.now - one.first_at)}{left_out}."


def report(present: Present, policy: Policy, unread: Sequence[str]) -> Report:
    """Every finding about one River."""
    target = present.snapshot.target
    return Report(
        database=target.database if target else "",
        river_schema=target.river_schema if target else "",
        standby=target.standby if target else False,
        now=present.now,
        findings=(
            *findings_now(present),
            *findings_lately(present.traces),
            *findings_ahead(present, _rescued(present.traces), policy),
        ),
        coverage=present.traces.coverage,
        unread=tuple(unread),
    )


def _rescued(traces: Traces) -> Mapping[str, float | None]:
    """Kind -> median seconds that its rescued jobs stood still; None where the table does not tell."""
    still: dict[str, list[float]] = {}
    for job in traces.every:
        if river_rescues(job):
            seconds = stood_still(job)
            still.setdefault(job.kind, []).extend([] if seconds is None else [seconds])
    return {kind: median(times) if times else None for kind, times in still.items()}


def document(found: Report) -> dict[str, object]:
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
                "state": one.state, "jobs": one.jobs, "complete": one.complete,
                "first_at": rfc3339(one.first_at), "last_at": rfc3339(one.last_at),
            }
            for one in found.coverage
        ],
        "unread": list(found.unread),
        "next_steps": [{"why": why, "command": command} for why, command in NEXT_STEPS],
    }  # fmt: skip


def docs_of(finding: Finding) -> str:
    """The page that explains it."""
    return f"{DOCS}#{finding.name}"
