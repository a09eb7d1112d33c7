"""A client under test as the scenarios see it: it starts and ends jobs on command, and reports their outcome."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from conformance.floor import Client, Event, Floor
from fixtures.waiting import PATIENCE_SECONDS, until

T = TypeVar("T")
TESTS = Path(__file__).resolve().parents[1]
STDERR_LINES = 20  # a traceback
LINE_CHARACTERS = 400
LAST_WORDS_SECONDS = 5.0  # for the pipes of a process that has gone, which its children may hold open


class DriverFailed(Exception):
    """The program around the client has gone, or wrote what is no event. No scenario is repeated for that."""


class Worker:
    """One client; `send` takes a command, and its events come to `hear`."""

    def __init__(self, process: subprocess.Popen[str] | None = None) -> None:
        self.send: Callable[[Event], None] = lambda _: None
        self.failure: Callable[[], str | None] = lambda: None  # why no event can come any more
        self.process = process
        self.has_quit = False
        self._events: list[tuple[float, Event]] = []
        self._heard = threading.Condition()

    def until(self, found: Callable[[], T | None], what: str) -> T:
        """Wait, for as long as the client lives."""

        def found_or_failed() -> T | None:
            value = found()
            if not value:
                self.expect_alive()
            return value

        return until(found_or_failed, what)

    def expect_alive(self) -> None:
        """Raise where the driver has failed, unless it was to quit."""
        if not self.has_quit and (failure := self.failure()):
            raise DriverFailed(failure)

    @property
    def is_ready(self) -> bool:
        with self._heard:
            return any(event["event"] == "ready" for _, event in self._events)

    def hear(self, event: Event) -> None:
        with self._heard:
            self._events.append((time.monotonic(), event))
            self._heard.notify_all()

    @property
    def sends_stacks(self) -> bool:
        """Whether it declares that it answers requests for stacks."""

        def ready() -> Event | None:
            with self._heard:
                return next((event for _, event in self._events if event["event"] == "ready"), None)

        return bool(until(ready, "the client to start").get("stacks"))

    def start(self, claim: Event, lease: float | None = None, interval: float | None = None) -> None:
        """Begin the work of a claim; what a plain client does not know is left out of the command."""
        times = {"lease": lease, "interval": interval}
        self.send({"do": "start", **claim} | {name: f"{time}s" for name, time in times.items() if time is not None})

    def progress(self, claim: Event, value: float | str | None, note: str | None) -> None:
        self.send({"do": "progress", "job_id": claim["job_id"], "value": value, "note": note})

    def checkpoint(self, claim: Event, value: object) -> bool:
        """Save a checkpoint for the newest attempt: whether the client takes the value."""
        event = self._ask({"do": "checkpoint", "job_id": claim["job_id"], "value": value}, "checkpoint", claim)
        return bool(event["accepted"])

    def checkpoint_tx(self, claim: Event, value: object, *, commit: bool = True) -> bool:
        """Save a checkpoint in a transaction of the job's: False where the claim is lost."""
        command = {"do": "checkpoint_tx", "job_id": claim["job_id"], "value": value, "commit": commit}
        return bool(self._ask(command, "checkpoint_tx", claim)["held"])

    def resume(self, claim: Event) -> Event:
        """`held`, `found` and `value`, as the client has them."""
        return self._ask({"do": "resume", "job_id": claim["job_id"]}, "resumed", claim)

    def _ask(self, command: Event, what: str, claim: Event) -> Event:
        """Send a command, and wait for its event."""
        asked_at = time.monotonic()
        self.send(command)

        def answer() -> Event | None:
            found = self.last(what, claim)
            return found[1] if found and found[0] >= asked_at else None

        return {"held": True, "found": False, "value": None} | self.until(answer, f"the answer to {command['do']}")

    def finish(self, claim: Event, outcome: str = "completed") -> None:
        self.send({"do": "finish", "job_id": claim["job_id"], "outcome": outcome})

    def end(self, claim: Event, outcome: str = "completed") -> Event:
        """End the work of a claim: its result, with the `token` that it carries, and whether it is `held`."""
        self.finish(claim, outcome)
        return self.result(claim)

    def held(self, claim: Event, outcome: str = "completed") -> bool:
        """End the work of a claim: False if it is known to be lost."""
        return bool(self.end(claim, outcome)["held"])

    def result(self, claim: Event) -> Event:
        """Without a token it is None."""
        return {"token": None} | self.until(lambda: self.last("result", claim), f"the result of job {claim['job_id']}")[
            1
        ]

    def cancelled(self, claim: Event) -> str:
        """Wait until the work of a claim was cancelled: its cause."""
        return str(
            self.until(lambda: self.last("cancelled", claim), f"job {claim['job_id']} to be cancelled")[1]["cause"]
        )

    def begun_at(self, claim: Event) -> float:
        """Wait until the work of a claim has begun: when that was."""
        return self.until(lambda: self.last("begun", claim), f"the work on job {claim['job_id']} to begin")[0]

    def cancelled_at(self, claim: Event) -> float:
        return self.until(lambda: self.last("cancelled", claim), f"job {claim['job_id']} to be cancelled")[0]

    @property
    def causes(self) -> list[str]:
        """Of all cancellations so far."""
        with self._heard:
            return [event["cause"] for _, event in self._events if event["event"] == "cancelled"]

    def last(self, what: str, claim: Event) -> tuple[float, Event] | None:
        with self._heard:
            mine = (
                (at, event)
                for at, event in reversed(self._events)
                if event["event"] == what and all(event.get(key) == claim[key] for key in ("job_id", "attempted_at"))
            )
            return next(mine, None)

    def stats(self) -> dict[str, int]:
        """`beats` that succeeded and `failures`, so far."""
        asked_at = time.monotonic()
        self.send({"do": "stats"})

        def answer() -> Event | None:
            with self._heard:
                new = (event for at, event in self._events if at >= asked_at and event["event"] == "stats")
                return next(new, None)

        stats = {key.lower(): value for key, value in self.until(answer, "stats")["stats"].items()}
        return {"beats": stats["beats"], "failures": stats["failures"] + stats.get("refusals", 0)}

    def fails(self, more: int) -> None:
        """Wait until so many more beats have failed."""
        before = self.stats()["failures"]
        self.until(lambda: self.stats()["failures"] >= before + more, f"{more} beats to fail")

    def beats(self, more: int) -> None:
        """Wait until so many more beats have succeeded."""
        before = self.stats()["beats"]
        self.until(lambda: self.stats()["beats"] >= before + more, f"{more} beats to succeed")

    def quit(self) -> None:
        """Stop the client, and wait until it has gone."""
        self.send({"do": "quit"})
        self.has_quit = True
        if self.process is not None:
            self.process.wait(PATIENCE_SECONDS)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The client's process is stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def in_threads(make: Callable[[str, str, str, str, float], Client], *given: Any) -> Iterator[Worker]:
    """A client in this process. The last of `given` is what its environment has beside the usual."""
    *arguments, environment = given
    worker = Worker()
    with patch.dict(os.environ, environment):  # a client reads it once, when it starts
        client = make(*arguments)
    worker.send = Floor(client, worker.hear, arguments[-1]).obey
    try:
        yield worker
    finally:
        client.close()


@contextlib.contextmanager
def as_program(
    command: Sequence[str | Path],
    url: str,
    river: str,
    keeper: str,
    client_id: str,
    interval: float,
    environment: Mapping[str, str],
) -> Iterator[Worker]:
    """A client in a process of its own, which is gone at the end."""
    flags = ["-database-url", url, "-river-schema", river, "-keeper-schema", keeper]
    process = subprocess.Popen(
        [*map(str, command), *flags, "-client-id", client_id, "-interval", f"{interval}s"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        errors="replace", start_new_session=True,  # what it has started ends with it
        env={**os.environ, "PYTHONPATH": str(TESTS), **environment},
    )  # fmt: skip
    worker = Worker(process)
    driver = Driver(process, worker.hear)
    worker.send, worker.failure = driver.send, driver.failure
    try:
        worker.until(lambda: worker.is_ready, "the driver to be ready")
        yield worker
        worker.expect_alive()
        if not worker.has_quit:
            worker.quit()
    finally:
        driver.close()


class Driver:
    """The program around a client: its three pipes, and what is known when it has failed."""

    def __init__(self, process: subprocess.Popen[str], hear: Callable[[Event], None]) -> None:
        self._process, self._hear = process, hear
        self._nonsense: str | None = None
        self._last_lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._readers = [
            threading.Thread(target=read, name=f"driver {process.pid}", daemon=True)
            for read in (self._read_events, self._read_stderr)
        ]
        for reader in self._readers:
            reader.start()

    def send(self, command: Event) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has gone: the next wait tells
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()

    def failure(self) -> str | None:
        """None while it lives and speaks the protocol."""
        if self._nonsense is not None:
            return f"the driver wrote to standard output what is no event: {self._nonsense!r}{self._stderr()}"
        if self._process.poll() is None:
            return None
        for reader in self._readers:
            reader.join(LAST_WORDS_SECONDS)
        if self._nonsense is not None:
            return self.failure()
        return f"the driver exited with {exit_words(self._process.returncode)}{self._stderr()}"

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(LAST_WORDS_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _read_events(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                event = json.loads(line)
                event["event"]
            except (ValueError, TypeError, KeyError):
                self._nonsense = self._nonsense or line.rstrip("\n")[:LINE_CHARACTERS]
            else:
                self._hear(event)

    def _read_stderr(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._last_lines.append(line[:LINE_CHARACTERS].rstrip("\n"))
            sys.stderr.write(line)  # pytest shows all of it below a scenario that fails

    def _stderr(self) -> str:
        if not self._last_lines:
            return "; its standard error is empty"
        return "\nits last lines of standard error:\n" + "\n".join(f"    {line}" for line in self._last_lines)


def exit_words(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def python_program(module: str) -> list[str]:
    return [sys.executable, "-m", f"conformance.{module}"]
