"""The report of `check`: findings and their fixes, for operators and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from riverkeeper.formats import count_noun


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # something is not shown, or shown with less detail
    NOT_YET = "not yet"  # something waits for its time, or for a decision
    MISSING = "missing"  # a step of the setup was not made
    PROBLEM = "problem"  # something is broken, in Riverkeeper's setup or in River


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
    def counts(self) -> str:
        """How many findings there are of each level that is not fine; empty where all are."""
        counts = {level: sum(finding.level is level for finding in self.findings) for level in Level}
        nouns = {Level.PROBLEM: "problem", Level.WARNING: "warning"}
        return ", ".join(
            count_noun(counts[level], nouns[level]) if level in nouns else f"{counts[level]} {level}"
            for level in reversed(Level)
            if counts[level] and level is not Level.OK
        )

    def as_json(self) -> Mapping[str, object]:
        """For json.dumps."""
        worst = max((finding.level for finding in self.findings), key=list(Level).index, default=Level.OK)
        findings = [asdict(finding) for finding in self.findings]
        return {"level": worst, "findings": findings}


def ok(topic: str, message: str) -> CheckFinding:
    return CheckFinding(Level.OK, topic, message)


def missing(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.MISSING, topic, message, fix)


def not_yet(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.NOT_YET, topic, message, fix)


def warning(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.WARNING, topic, message, fix)


def problem(topic: str, message: str, fix: str | None = None) -> CheckFinding:
    return CheckFinding(Level.PROBLEM, topic, message, fix)
