"""The demo's child programs, and the signals that stop the demo."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

STOP_SECONDS = 10.0  # for a program to end in order, before it is killed
LOG_LINES, LOG_WIDTH = 6, 400  # of a program's log, shown where it failed; a logged traceback is one long line
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# The environment's proxy is for the world outside, never for loopback.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoFailed(Exception):
    """A part of the demo did not work; the text says what happened and what to do."""


class Stopped(Exception):
    """Somebody ended the demo while it was still starting."""


class Told:
    """Whether a signal has asked us to end, and which."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """True as soon as we were told, False after `seconds`."""
        return self._event.wait(max(0.0, seconds))


@contextlib.contextmanager
def catch_signals() -> Iterator[Told]:
    """Signals only set a flag here: an exception out of a handler could lose a child that was just started."""
    told = Told()
    before = {number: signal.signal(number, told) for number in ENDING_SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Program:
    """A running child; its log is a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoFailed, with the end of its log, if it has ended."""
        if (code := self.process.poll()) is not None:
            raise DemoFailed(f"{self.name} ended with code {code}; the end of its log:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join(f"  {_shortened(line)}" for line in lines) or "  (it wrote nothing)"

    def wait_until_ready(self, url: str, told: Told, seconds: float) -> None:
        """Return when `url` answers 200. Raises DemoFailed after `seconds` or when it ends, Stopped when told to."""
        deadline = time.monotonic() + seconds
        while fetch(url) is None:
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"{self.name} was not ready after {seconds:.0f} s:\n{self.last_words()}")
            if told.wait(0.05):
                raise Stopped


@contextlib.contextmanager
def running(name: str, arguments: Sequence[str], folder: Path) -> Iterator[Program]:
    """A child program with its log in `folder`; ended in order when the block ends, then by force."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C in a terminal is for the demo, which then ends the others in order
        )
    try:
        yield Program(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fetch(url: str, seconds: float = 5.0) -> str | None:
    """The page's text; None where nothing answers, or not with 200."""
    try:
        with _DIRECT.open(url, timeout=seconds) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return None


def _shortened(line: str) -> str:
    """Both ends of a long line: when and what at its beginning, the exception at its end."""
    half = LOG_WIDTH // 2
    return line if len(line) <= LOG_WIDTH else f"{line[:half]} … {line[-half:]}"


def free_port() -> int:
    """A port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
