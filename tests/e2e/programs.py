"""Programs started for a test, and waiting for what they should do: on conditions, never for a time."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.waiting import until

STOP_SECONDS = 20.0

TOOLS = Path(os.environ.get("RIVERKEEPER_TOOLS") or Path(__file__).parent / ".tools")


def tool(name: str) -> Path:
    """A program that tools.sh has put there; a missing one fails the test, for a skipped one proves nothing."""
    path = TOOLS / name
    if not path.exists():
        pytest.fail(f"{name} is missing: the `run` beside these tests builds it")
    return path


@dataclass(slots=True)
class Program:
    """A running process; stdout and stderr go to one file."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, line: str) -> None:
        """Wait until the program has printed a line."""
        until(lambda: self.lives() and line in self.log.splitlines(), f"{self.name} to say {line!r}")

    def lives(self) -> bool:
        """True; a program that has ended by itself fails the test."""
        if self.process.poll() is not None:
            pytest.fail(f"{self.name} ended with {self.process.returncode}:\n{self.log[-4000:]}")
        return True

    def stop(self) -> None:
        """SIGTERM; the test fails if the program does not end in order."""
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"{self.name} did not stop within {STOP_SECONDS:.0f} s:\n{self.log[-4000:]}")
        assert code == 0, f"{self.name} stopped with {code}:\n{self.log[-4000:]}"

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP meanwhile: the program lives, but does nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, which no program can answer."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def started(
    name: str,
    arguments: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[Program]:
    """A process that is gone at the end; its output is in `folder`."""
    output = folder / f"{name}.log"
    identity = pwd.getpwnam(user) if user else None
    with output.open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in arguments],
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            user=identity and identity.pw_uid,
            group=identity and identity.pw_gid,
            extra_groups=[] if identity else None,
        )
    try:
        yield Program(name, process, output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def run_gently(
    *command: str | Path, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that never waits: it gives way to whatever runs beside it, so that nothing timed comes late."""
    return subprocess.run(
        ["nice", *map(str, command)],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def promtool(release: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Of a folder of the tools. Go's collector of garbage takes a tenth of its time at the default of 100."""
    return run_gently(tool(f"{release}/promtool"), *arguments, GOGC="400")


def plain_user() -> str | None:
    """Who servers that refuse root run as; None where this is a plain user already."""
    return "nobody" if os.geteuid() == 0 else None


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
