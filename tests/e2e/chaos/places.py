"""The places of processes in a run: one that dies or ends is followed by another, as a supervisor would do."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.proxy import Proxy
from e2e.chaos.proxies import Link
from e2e.chaos.record import FOREVER, Process
from e2e.programs import Program

RESTART_SECONDS = 2.0  # after an end of its own, as one of a process that starts while the server is away
TERMINATE_SECONDS = 15.0  # who has not ended then is killed


@dataclass(slots=True)
class Place:
    """A place for one process at a time, its network, and who was there."""

    name: str
    link: Link
    start: Callable[[Place], contextlib.AbstractContextManager[Program]]
    programs: contextlib.ExitStack
    program: Program | None = None
    number: int = 0
    begun: float = 0.0
    how: str = ""  # the present process was ended so, by the run
    next_at: float = 0.0  # when the next process may begin
    kill_at: float = FOREVER
    past: list[Process] = field(default_factory=list)

    @property
    def client(self) -> str:
        """The name of the process that is there, or was last."""
        return f"{self.name}-{self.number}"

    def follow(self, now: float) -> str | None:
        """Starts a process where none is, and notes the end of one; returns what it did."""
        if self.program is None:
            return self._begin(now) if now >= self.next_at else None
        if now >= self.kill_at:
            self.program.process.kill()
        if self.program.process.poll() is None:
            return None
        return self._note_end(now)

    def _begin(self, now: float) -> str:
        self.number += 1
        self.begun, self.how, self.kill_at = now, "", FOREVER
        self.program = self.programs.enter_context(self.start(self))
        return f"{self.client} starts"

    def _note_end(self, now: float) -> str:
        assert self.program is not None
        ready = "ready" in self.program.log
        how = self.how or ("by itself" if ready else "while starting")
        self.past.append(Process(self.client, self.begun, now, how))
        code = self.program.process.returncode
        self.program = None
        self.next_at = max(self.next_at, now + RESTART_SECONDS)
        return f"{self.client} ended ({how}, {code})"

    def lives(self) -> bool:
        return self.program is not None and self.program.process.poll() is None

    def kill(self, away: float) -> None:
        assert self.program is not None
        self.how, self.next_at = "killed", time.time() + away
        self.program.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # noted at the next look
            self.program.process.wait(5)

    def terminate(self, away: float) -> None:
        assert self.program is not None
        self.how, self.next_at = "terminated", time.time() + away
        self.kill_at = time.time() + TERMINATE_SECONDS
        self.program.process.terminate()

    def signal(self, what: signal.Signals) -> None:
        if self.lives():
            assert self.program is not None
            self.program.process.send_signal(what)

    def processes(self) -> list[Process]:
        """All that were there; the one that is there outlives the run."""
        present = [Process(self.client, self.begun, FOREVER)] if self.program is not None else []
        return [*self.past, *present]


def place(
    name: str, url: str, start: Callable[[Place], contextlib.AbstractContextManager[Program]],
    programs: contextlib.ExitStack,
) -> Place:  # fmt: skip
    """A place with a network of its own, and nobody there yet."""
    proxy = programs.enter_context(contextlib.closing(Proxy(url)))
    return Place(name, Link(proxy), start, programs)
