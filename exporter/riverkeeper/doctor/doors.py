"""The three doors, Look, Beat and Rescue: which are open, and what opens the next one. Pure.

All three are open where a worker that is killed now would have its job rescued.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from riverkeeper.doctor.report import CheckFinding, Level

# The topics that decide about a door. Its first finding that is neither fine nor a warning closes it. It is closed too
# where the last topic was not examined.
TOPICS: Mapping[str, Sequence[str]] = {
    "Look": ("database", "standby", "river", "queries", "rights"),
    "Beat": ("keeper schema", "beats"),
    "Rescue": ("rescuer", "heartbeat path", "rescue"),
}
CLOSING = {Level.PROBLEM, Level.MISSING, Level.NOT_YET}
ALL_OPEN = "a job whose worker is killed now is rescued"


def find_open_doors(findings: Collection[CheckFinding]) -> dict[str, bool]:
    """Door -> whether it is open. A door needs those before it: nothing is rescued of a River that cannot be read."""
    doors: dict[str, bool] = {}
    for door, topics in TOPICS.items():
        reached = any(finding.topic == topics[-1] for finding in findings)
        doors[door] = reached and find_closing(door, findings) is None and all(doors.values())
    return doors


def find_closing(door: str, findings: Collection[CheckFinding]) -> CheckFinding | None:
    """The finding that keeps a door closed."""
    topics = TOPICS[door]
    closing = [finding for finding in findings if finding.topic in topics and finding.level in CLOSING]
    return min(
        closing, key=lambda finding: (topics.index(finding.topic), -list(Level).index(finding.level)), default=None
    )


def describe_doors(findings: Collection[CheckFinding]) -> str:
    """The last line of `check`: all is well, or the door that is not open, why, and the next command."""
    doors = find_open_doors(findings)
    closed = next((door for door, is_open in doors.items() if not is_open), None)
    if closed is None:
        return _describe_rest(findings)
    open_ = [door for door, is_open in doors.items() if is_open]
    before = f"{' and '.join(open_)} {'are' if len(open_) > 1 else 'is'} open. " if open_ else ""
    finding = find_closing(closed, findings)
    why = f": {finding.message}" if finding else ""
    return f"{before}{closed} is not open{why}.{f' Next: {finding.fix}' if finding and finding.fix else ''}"


def _describe_rest(findings: Collection[CheckFinding]) -> str:
    rest = [finding for finding in findings if finding.level is not Level.OK]
    if not rest:
        return f"All is well: {', '.join(list(TOPICS)[:-1])} and Rescue are open, and {ALL_OPEN}."
    worst = max(rest, key=lambda finding: list(Level).index(finding.level))
    next_ = f" Next: {worst.fix}" if worst.fix else ""
    return f"Look, Beat and Rescue are open, and {ALL_OPEN}, but see {worst.topic} above.{next_}"
