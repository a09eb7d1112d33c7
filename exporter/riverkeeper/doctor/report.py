"""What the doctor found: sentences with fixes, for people and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # something is not shown, or shown less well
    PROBLEM = "problem"  # something is wrong, here or in River


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    topic: str
    message: str
    fix: str | None = None  # SQL where a statement mends it


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which one would look."""

    findings: tuple[Finding, ...]
    misconfigured: bool = False  # the command or the configuration names what is not there

    @property
    def has_problems(self) -> bool:
        return any(finding.level is Level.PROBLEM for finding in self.findings)

    @property
    def summary(self) -> str:
        """One sentence: what there is to do."""
        counts = {level: sum(finding.level is level for finding in self.findings) for level in Level}
        told = [
            f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}"
            for level in (Level.PROBLEM, Level.WARNING)
            if counts[level]
        ]
        return ", ".join(told) if told else "All is well."

    def as_json(self) -> Mapping[str, object]:
        """For json.dumps."""
        worst = max((finding.level for finding in self.findings), key=list(Level).index, default=Level.OK)
        return {"level": worst, "findings": [asdict(finding) for finding in self.findings]}


def ok(topic: str, message: str) -> Finding:
    return Finding(Level.OK, topic, message)


def warning(topic: str, message: str, fix: str | None = None) -> Finding:
    return Finding(Level.WARNING, topic, message, fix)


def problem(topic: str, message: str, fix: str | None = None) -> Finding:
    return Finding(Level.PROBLEM, topic, message, fix)
