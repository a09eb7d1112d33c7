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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance.floor import Client, Event, Floor
from fixtures.waiting import PATIENCE_SECONDS, until

TESTS = Path(__file__).resolve().parents[1]


class Worker:
    """One client; `send` takes a command, and its events come to `hear`."""

    def __init__(self, process: subprocess.Popen[str] | None = None) -> None:
        self.send: Callable[[Event], None] = lambda _: None
        self.process = process
        self._events: list[tuple[float, Event]] = []
        self._heard = threading.Condition()

    def hear(self, event: Event) -> None:
        with self._heard:
            self._events.append((time.monotonic(), event))
            self._heard.notify_all()

    def start(self, claim: Event, lease: float | None = None, interval: float | None = None) -> None:
        """Begin the work of a claim; what a plain client does not know is left out of the command."""
        times = {"lease": lease, "interval": interval}
        self.send({"do": "start", **claim} | {name: f"{time}s" for name, time in times.items() if time is not None})

    def progress(self, claim: Event, value: float | str | None, note: str | None) -> None:
        self.send({"do": "progress", "job_id": claim["job_id"], "value": value, "note": note})

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
        return {"token": None} | until(lambda: self.last("result", claim), f"the result of job {claim['job_id']}")[1]

    def cancelled(self, claim: Event) -> str:
        """Wait until the work of a claim was cancelled: its cause."""
        return str(until(lambda: self.last("cancelled", claim), f"job {claim['job_id']} to be cancelled")[1]["cause"])

    def begun_at(self, claim: Event) -> float:
        """Wait until the work of a claim has begun: when that was."""
        return until(lambda: self.last("begun", claim), f"the work on job {claim['job_id']} to begin")[0]

    def cancelled_at(self, claim: Event) -> float:
        return until(lambda: self.last("cancelled", claim), f"job {claim['job_id']} to be cancelled")[0]

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

        stats = {key.lower(): value for key, value in until(answer, "stats")["stats"].items()}
        return {"beats": stats["beats"], "failures": stats["failures"] + stats.get("refusals", 0)}

    def fails(self, more: int) -> None:
        """Wait until so many more beats have failed."""
        before = self.stats()["failures"]
        until(lambda: self.stats()["failures"] >= before + more, f"{more} beats to fail")

    def beats(self, more: int) -> None:
        """Wait until so many more beats have succeeded."""
        before = self.stats()["beats"]
        until(lambda: self.stats()["beats"] >= before + more, f"{more} beats to succeed")

    def quit(self) -> None:
        """Stop the client, and wait until it has gone."""
        self.send({"do": "quit"})
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
def in_threads(make: Callable[[str, str, str, str, float], Client], *arguments: Any) -> Iterator[Worker]:
    """A client in this process."""
    worker = Worker()
    client = make(*arguments)
    worker.send = Floor(client, worker.hear, arguments[-1]).obey
    try:
        yield worker
    finally:
        client.close()


@contextlib.contextmanager
def as_program(
    command: Sequence[str | Path], url: str, river: str, keeper: str, client_id: str, interval: float
) -> Iterator[Worker]:
    """A client in a process of its own, which is gone at the end."""
    flags = ["-database-url", url, "-river-schema", river, "-keeper-schema", keeper]
    process = subprocess.Popen(
        [*map(str, command), *flags, "-client-id", client_id, "-interval", f"{interval}s"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    worker = Worker(process)
    assert process.stdin
    assert process.stdout
    commands, events = process.stdin, process.stdout

    def send(command: Event) -> None:
        commands.write(json.dumps(command) + "\n")
        commands.flush()

    worker.send = send

    def read() -> None:
        for line in events:
            worker.hear(json.loads(line))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield worker
        if process.poll() is None:
            worker.quit()
    finally:
        process.kill()
        process.wait()
        reader.join()
        with contextlib.suppress(OSError):
            commands.close()
        events.close()


def python_program(module: str) -> list[str]:
    return [sys.executable, "-m", f"conformance.{module}"]
