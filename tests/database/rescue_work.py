"""One attempt in the model: what the process that works it knows, and what the database knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

INTERVAL = 10.0
COMPLETER_SECONDS = 37.0  # as long as River's completer tries; then it has dropped the result
SLACK = 5.0  # seconds that the steps themselves may take


@dataclass
class Known:
    """What the database has of a claim. Ages are seconds of true time; None: never."""

    heard: float | None = None  # the last beat that was taken
    told: float | None = None  # the last progress
    settled: float | None = None

    def grow(self, seconds: float) -> None:
        for one in fields(self):
            if (age := getattr(self, one.name)) is not None:
                setattr(self, one.name, age + seconds)


@dataclass
class Work:
    """One attempt, and the process that works it, whose clock runs while it is frozen too."""

    number: int
    attempt: int
    attempted_at: str
    known: Known = field(default_factory=Known)
    alive: bool = True
    cut_off: bool = False
    frozen: bool = False
    forgotten: bool = False  # no server knows of this attempt any more
    named: bool = False  # a beat that names the claim was sent
    lost: bool = False  # the worker knows
    over: bool = False  # the work has returned
    born: float = 0.0
    process: float | None = None  # the last beat of the process that was taken
    result: str | None = None  # on its way through the completer
    fenced: bool = False  # it was settled before it was let out
    let_out: float = 0.0

    @property
    def can_act(self) -> bool:
        return self.alive and not self.cut_off and not self.frozen

    @property
    def short(self) -> bool:
        """No keeper can know of its work: nothing was sent, and its process was heard in the last interval."""
        return not self.named and self.born <= INTERVAL and self.process is not None and self.process <= INTERVAL

    def stall(self, *, frozen: bool) -> None:
        """Cut off or frozen, or not any more. Not with a result in its completer: that would outlast any grace."""
        if not frozen:
            self.cut_off = not self.cut_off
        elif self.result is None:
            self.frozen = not self.frozen

    def grow(self, seconds: float) -> None:
        self.born += seconds
        self.let_out += seconds
        self.process = None if self.process is None else self.process + seconds
        self.known.grow(seconds)
        if self.let_out > (COMPLETER_SECONDS if self.fenced else SLACK):
            self.result = None

    def move(self, by: timedelta) -> None:
        """The claim is named by a moment, which moves with all others."""
        at = datetime.fromisoformat(self.attempted_at) - by
        self.attempted_at = f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
