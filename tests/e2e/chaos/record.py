"""What is known of a run at its end: faults, the workers' journals, the row changes, the audit, counters. Pure.

Every moment is in Unix seconds of one machine's clock: workers, server and faults share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force, in seconds."""

    interval: float
    timeout: float
    lease: float
    drain: float
    fence: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault as it was really done: whom it hit (a place such as w1, or all), from when to when."""

    kind: str
    target: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a place, from start to end; FOREVER where it outlived the run."""

    client: str  # w1-3 is the third process of the place w1
    begin: float
    end: float
    how: str = ""  # killed | terminated | by itself

    @property
    def place(self) -> str:
        return self.client.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a worker's journal (fleet/journal.go)."""

    at: float
    client: str
    event: str
    job: int = 0
    claim: str = ""
    attempt: int = 0
    queue: str = ""
    seconds: float = 0.0
    outcome: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One claim at work in one process, as its journal has it."""

    job: int
    claim: str
    client: str
    queue: str
    begin: float
    end: float  # FOREVER: never written
    outcome: str
    completing: float  # when it began to complete itself in its own transaction; FOREVER: it did not
    over: float  # its end, or that of its process


@dataclass(frozen=True, slots=True)
class Change:
    """A row of river_job that was changed, as the trigger of the test database noted it."""

    at: float
    application: str
    operation: str
    job: int
    before: str
    after: str
    claim_before: str
    claim_after: str


@dataclass(frozen=True, slots=True)
class Rescue:
    """A live row of the audit that took a claim away."""

    at: float
    job: int
    claim: str
    reason: str
    action: str
    old_worker: str
    was_false: bool | None
    replica: str


@dataclass(frozen=True, slots=True)
class LateResult:
    """A result that the fence dropped."""

    at: float
    job: int
    claim: str
    outcome: str
    counted: bool = True  # in riverkeeper_late_results_total of some replica


@dataclass(frozen=True, slots=True)
class Effect:
    """A row that a job wrote in its own transaction under Hold."""

    at: float
    job: int
    claim: str
    completes: bool


@dataclass(frozen=True, slots=True)
class Final:
    """A job's row at the end."""

    job: int
    state: str
    claim: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything of one run."""

    seed: int
    seconds: float
    fenced: bool
    limits: Limits
    end: float
    troubles: list[Trouble]
    processes: list[Process]
    entries: list[Entry]  # without pulses
    pulses: dict[str, list[float]]  # by client; "" is the harness's own probe of the network and the server
    changes: list[Change]
    rescues: list[Rescue]
    late_results: list[LateResult]
    effects: list[Effect]
    finals: list[Final]
    counters: dict[str, float]  # of the replicas that outlived the run, by replica and metric
    report: dict[str, Any] = field(default_factory=dict)

    def attempts(self) -> list[Attempt]:
        """From the journals, in order of their begin."""
        over = {process.client: min(process.end, self.end) for process in self.processes}
        return attempts(self.entries, over)

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))


def load(file: Path) -> Record:
    """A record that was saved."""
    raw = json.loads(file.read_text())
    lists = {
        "troubles": Trouble, "processes": Process, "entries": Entry, "changes": Change, "rescues": Rescue,
        "late_results": LateResult, "effects": Effect, "finals": Final,
    }  # fmt: skip
    made = {name: [kind(**row) for row in raw[name]] for name, kind in lists.items()}
    return Record(**{**raw, **made, "limits": Limits(**raw["limits"])})


def attempts(entries: Iterable[Entry], over: dict[str, float]) -> list[Attempt]:
    """The attempts of journals; `over` is when each process ended."""
    begun: dict[tuple[int, str, str], Entry] = {}
    ended: dict[tuple[int, str, str], Entry] = {}
    completing: dict[tuple[int, str, str], float] = {}
    for entry in entries:
        key = entry.job, entry.claim, entry.client
        match entry.event:
            case "begin":
                begun[key] = entry
            case "end":
                ended[key] = entry
            case "completing":
                completing.setdefault(key, entry.at)
    made = []
    for key, begin in begun.items():
        end = ended.get(key)
        at = end.at if end else FOREVER
        last = min(at, over.get(begin.client, FOREVER))
        outcome = end.outcome if end else ""
        made.append(Attempt(*key, begin.queue, begin.at, at, outcome, completing.get(key, FOREVER), last))
    return sorted(made, key=lambda attempt: attempt.begin)
