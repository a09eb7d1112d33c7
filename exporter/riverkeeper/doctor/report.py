"""The report of `check`: findings and their fixes, for operators and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # something is not shown, or shown with less detail
    PROBLEM = "problem"  # something is wrong, in Riverkeeper's setup or in River


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """The result of one check."""

    level: Level
    topic: str
    message: str
    fix: str | None = None  # a command, or SQL where a statement is the fix


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All findings, in reading order."""

    findings: tuple[CheckFinding, ...]
    misconfigured: bool = False  # the command or the configuration names an object that does not exist

    @property
    def has_problems(self) -> bool:
        return any(finding.level is Level.PROBLEM for finding in self.findings)

    @property
    def summary(self) -> str:
        """How many problems and warnings there are."""
        counts = {level: sum(finding.level is level for finding in self.findings) for level in Level}
        parts = [
            f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}"
            for level in (Level.PROBLEM, Level.WARNING)
            if counts[level]
        ]
        return ", ".join(parts) if parts else "All is well."

    def as_json(self) -> Mapping[str, object]:
        """For json.dumps."""
        worst = max((finding.level for finding in self.findings), key=list(Level).index, default=Level.OK)
        return {"level": worst, "findings": [asdict(finding) for finding in self.findings]}


def ok(topic: str, message: str) -> CheckFinding:
    return CheckFinding(Level.OK, topic, message)


def warning(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.WARNING, topic, message, fix)


def problem(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.PROBLEM, topic, message, fix)
