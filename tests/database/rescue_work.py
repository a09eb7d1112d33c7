"""One attempt in the model: what the process that works it knows, and what the database knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

SLACK = 5.0  # seconds that the steps themselves may take


@dataclass
class Known:
    """What the database has of a claim. Ages are seconds of true time; None: never."""

    heard: float | None = None  # the last beat that was taken
    told: float | None = None  # the last progress

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
    result: str | None = None  # on its way through the completer, for as long as the process lives

    @property
    def can_act(self) -> bool:
        return self.alive and not self.cut_off and not self.frozen

    def stall(self, *, frozen: bool) -> None:
        """Cut off or frozen, or not any more."""
        if frozen:
            self.frozen = not self.frozen
        else:
            self.cut_off = not self.cut_off

    def grow(self, seconds: float) -> None:
        self.born += seconds
        self.known.grow(seconds)

    def move(self, by: timedelta) -> None:
        """The claim is named by a moment, which moves with all others."""
        at = datetime.fromisoformat(self.attempted_at) - by
        self.attempted_at = f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
