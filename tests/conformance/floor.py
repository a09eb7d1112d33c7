"""The conformance protocol, spoken by a client under test: commands in, events out, one JSON object a line."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

Event = dict[str, Any]
Say = Callable[[Event], None]
CLAIM = ("job_id", "attempt", "attempted_at")


class Client(Protocol):
    """What a client must be able to do; a work is whatever `begin` returns."""

    def begin(
        self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]
    ) -> Any: ...  # may wait for an earlier attempt; on_stop takes the cause

    def progress(self, work: Any, value: float | None, note: str | None) -> None: ...
    def checkpoint(self, work: Any, value: object) -> None: ...  # raises ValueError for what it does not take
    def checkpoint_tx(self, work: Any, value: object, *, commit: bool) -> bool: ...  # False: known to be lost
    def resume(self, work: Any) -> tuple[bool, bool, object]: ...  # held, found, value
    def finish(self, work: Any, outcome: str) -> tuple[str | None, bool]: ...  # token; False: known to be lost
    def stats(self) -> dict[str, int]: ...

    @property
    def stacks(self) -> bool: ...  # it answers requests for stacks

    def close(self) -> None: ...  # as at a shutdown without time left; a second call does nothing


class Floor:
    """Where the jobs are worked: each waits for its `finish`. Waits happen in threads, so commands never do."""

    def __init__(self, client: Client, say: Say, interval: float) -> None:
        self._client = client
        self._say = say
        self._interval = interval
        self._jobs: defaultdict[int, list[tuple[Event, Future[Any]]]] = defaultdict(list)  # the oldest attempt first
        say({"event": "ready", "stacks": client.stacks})

    def obey(self, command: Event) -> None:
        if command["do"] == "stats":
            self._say({"event": "stats", "stats": self._client.stats()})
        elif command["do"] == "quit":
            self._client.close()
        else:
            getattr(self, f"_{command['do']}")(command)

    def _start(self, command: Event) -> None:
        claim = {key: command[key] for key in CLAIM}
        work: Future[Any] = Future()
        self._jobs[claim["job_id"]].append((claim, work))
        threading.Thread(target=self._begin, args=(claim, work, command), daemon=True).start()

    def _begin(self, claim: Event, work: Future[Any], command: Event) -> None:
        def on_stop(cause: str) -> None:
            self._say({"event": "cancelled", **claim, "cause": cause})

        interval = seconds(command.get("interval")) or self._interval
        try:
            work.set_result(self._client.begin(claim, interval, seconds(command.get("lease")), on_stop))
        except ValueError:  # it takes no such claim
            self._say({"event": "refused", **claim})
        else:
            self._say({"event": "begun", **claim})

    def _progress(self, command: Event) -> None:
        _, work = self._jobs[command["job_id"]][-1]
        value = command.get("value")
        self._client.progress(work.result(10), float(value) if isinstance(value, str) else value, command.get("note"))

    def _newest(self, command: Event) -> tuple[Event, Any]:
        claim, work = self._jobs[command["job_id"]][-1]
        return claim, work.result(10)

    def _checkpoint(self, command: Event) -> None:
        claim, work = self._newest(command)
        try:
            self._client.checkpoint(work, command["value"])
        except ValueError:
            self._say({"event": "checkpoint", **claim, "accepted": False})
        else:
            self._say({"event": "checkpoint", **claim, "accepted": True})

    def _checkpoint_tx(self, command: Event) -> None:
        claim, work = self._newest(command)
        held = self._client.checkpoint_tx(work, command["value"], commit=command["commit"])
        self._say({"event": "checkpoint_tx", **claim, "held": held})

    def _resume(self, command: Event) -> None:
        claim, work = self._newest(command)
        held, found, value = self._client.resume(work)
        self._say({"event": "resumed", **claim, "held": held, "found": found, "value": value})

    def _finish(self, command: Event) -> None:
        claim, work = self._jobs[command["job_id"]].pop(0)
        threading.Thread(target=self._end, args=(claim, work, command["outcome"]), daemon=True).start()

    def _end(self, claim: Event, work: Future[Any], outcome: str) -> None:
        token, held = self._client.finish(work.result(30), outcome)
        self._say({"event": "result", **claim, "token": token, "held": held})


def seconds(duration: str | None) -> float | None:
    """Of a duration like 0.25s."""
    return None if duration is None else float(duration.removesuffix("s"))


def run(make: Callable[[argparse.Namespace, float], Client]) -> None:
    """A client as a program: the flags and lines that clients/go/cmd/conform has too."""
    parser = argparse.ArgumentParser()
    for flag in ("database-url", "river-schema", "keeper-schema", "client-id", "interval"):
        parser.add_argument(f"-{flag}", dest=flag.replace("-", "_"), default="")
    options = parser.parse_args()
    lock = threading.Lock()

    def say(event: Event) -> None:
        with lock:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()

    interval = seconds(options.interval) or 10.0
    client = make(options, interval)
    floor = Floor(client, say, interval)
    for line in sys.stdin:
        command = json.loads(line)
        floor.obey(command)
        if command["do"] == "quit":
            return
    client.close()
