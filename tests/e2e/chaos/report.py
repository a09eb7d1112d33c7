"""What a run prints: its table, and for each broken promise the timeline of the job. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from e2e.chaos.faults import ALL
from e2e.chaos.invariants import Findings, Violation
from e2e.chaos.record import FOREVER, Record

HEAD = (
    "| seed | seconds | fence | faults | jobs | rescues | late results dropped | late results written | overlaps "
    "| excused as starved | violations |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
MOST_TIMELINES = 10
LATE = "no late result"
NEW_LINE = "\n"


def row(record: Record, findings: Findings) -> str:
    """The line of the table."""
    late = sum(violation.invariant == LATE for violation in findings.violations)
    cells = (
        record.seed, f"{record.seconds:.0f}", "yes" if record.fenced else "no", len(record.troubles),
        len(record.finals), len(record.rescues), len(record.late_results), late, len(findings.overlaps),
        findings.starved, len(findings.violations),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def text(record: Record, findings: Findings) -> str:
    """Everything that is printed."""
    parts = [HEAD, row(record, findings), ""]
    parts += [
        f"{kind}: {count}" for kind, count in sorted(Counter(trouble.kind for trouble in record.troubles).items())
    ]
    reasons = Counter(rescue.reason for rescue in record.rescues)
    parts.append(f"rescues: {', '.join(f'{reason} {count}' for reason, count in reasons.items()) or 'none'}")
    parts.append(f"rescued after their work had ended, the result not written: {findings.after_work}")
    parts.append(f"dead workers called alive by what they had under way: {findings.under_way}")
    parts += timelines(record, findings.violations)
    return "\n".join(parts)


def timelines(record: Record, violations: Iterable[Violation]) -> Iterator[str]:
    """Each violation with all that is known of its job, in order of time."""
    for number, violation in enumerate(violations):
        yield f"\nBROKEN: {violation.invariant}: {violation.sentence}"
        if number == MOST_TIMELINES:
            yield "(no more timelines)"
        if number < MOST_TIMELINES and violation.job is not None:
            yield from timeline(record, violation.job)


def timeline(record: Record, job: int) -> list[str]:
    """What happened to a job and to the processes that worked it; seconds from the first of it."""
    lines = list(_of_job(record, job))
    clients = {entry.client for entry in record.entries if entry.job == job}
    targets = {*clients, *(client.rpartition("-")[0] for client in clients), ALL}
    first, last = min(at for at, _ in lines), max(at for at, _ in lines)
    for trouble in record.troubles:
        if trouble.target in targets and trouble.begin < last + 10 and trouble.end > first - 10:
            lines.append((trouble.begin, f"FAULT {trouble.kind} of {trouble.target}"))
            if trouble.end < FOREVER:
                lines.append((trouble.end, f"END of {trouble.kind} of {trouble.target}"))
    return [f"  {at - first:8.3f}  {said}" for at, said in sorted(lines)]


def _of_job(record: Record, job: int) -> Iterator[tuple[float, str]]:
    for entry in record.entries:
        if entry.job == job:
            said = f"{entry.client} {entry.event} {entry.claim} {entry.outcome} {entry.cause.partition(NEW_LINE)[0]}"
            yield entry.at, f"{said.rstrip()}{f' ({entry.seconds:.1f} s)' if entry.seconds else ''}"
    for change in record.changes:
        if change.job == job:
            states = f"{change.before} {change.claim_before} -> {change.after} {change.claim_after}"
            yield change.at, f"row {change.operation} by {change.application}: {states}"
    for rescue in record.rescues:
        if rescue.job == job:
            yield rescue.at, f"rescue of {rescue.claim}: {rescue.reason}, {rescue.old_worker or 'open'}"
    for late in record.late_results:
        if late.job == job:
            yield late.at, f"late result of {late.claim} dropped: {late.outcome}"
    for effect in record.effects:
        if effect.job == job:
            yield effect.at, f"effect of {effect.claim}"
