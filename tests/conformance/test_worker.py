"""A driver that fails ends its scenario at once, with the reason."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from conformance.scenarios import Level, Scenario, play
from conformance.worker import DriverFailed, Worker, as_program
from conformance.world import ClientUnderTest, World
from fixtures.empty_database import ReusableDatabase

CLAIM = {"job_id": 7, "attempt": 1, "attempted_at": "2026-01-31T23:59:59.123456Z"}
READY = 'print(\'{"event": "ready"}\', flush=True); '


@contextmanager
def driver(python: str) -> Iterator[Worker]:
    """A real program of one line."""
    with as_program(
        [sys.executable, "-c", "import os, sys; " + python], "url", "public", "riverkeeper", "id", 0.2, {}
    ) as w:
        yield w


def failure_of(python: str) -> str:
    """The failure of a driver of which an event is awaited."""
    try:
        with driver(python) as worker:
            worker.start(CLAIM)
            worker.begun_at(CLAIM)
    except DriverFailed as failure:
        return str(failure)
    return "it has not failed"


def test_a_driver_that_exits_before_it_is_ready_fails_at_once() -> None:
    """With its exit code, and what it wrote to standard error."""
    assert failure_of("print('no such option: -client-id', file=sys.stderr); sys.exit(3)") == (
        "the driver exited with code 3\nits last lines of standard error:\n    no such option: -client-id"
    )


def test_a_driver_that_exits_later_fails_at_once() -> None:
    """Only the last lines are repeated, and a signal has its name."""
    writes = "sys.stdin.readline(); [print(i, file=sys.stderr, flush=True) for i in range(99)]; "
    first, _, *lines = failure_of(READY + writes + "os.kill(os.getpid(), 9)").splitlines()

    assert first == "the driver exited with signal SIGKILL"
    assert lines == [f"    {i}" for i in range(79, 99)]


def test_a_driver_that_exits_without_a_word_fails_at_once() -> None:
    """Also with success: only `quit` ends a driver."""
    assert failure_of(READY) == "the driver exited with code 0; its standard error is empty"


@pytest.mark.parametrize("line", ["listening on port 80", "[1]", '{"ready": true}'])
def test_a_line_that_is_no_event_fails_at_once(line: str) -> None:
    """Else the suite would wait for the event that was meant."""
    expected = f"the driver wrote to standard output what is no event: {line!r}; its standard error is empty"
    assert failure_of(f"print({line!r}, flush=True); sys.stdin.read()") == expected


def test_a_driver_that_quits_on_command_has_not_failed() -> None:
    """Its exit is awaited, also by a scenario that goes on without it."""
    with driver(READY + "sys.stdin.readline()") as worker:
        worker.quit()
        worker.expect_alive()


def test_what_a_driver_has_started_ends_with_it() -> None:
    """A client in shell beats in a process of its own, which holds the pipes: the suite would wait for it for ever."""
    child = "import subprocess; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
    with driver(READY + child + "sys.stdin.readline()") as worker:
        assert worker.process
        name = f"driver {worker.process.pid}"

    assert [thread for thread in threading.enumerate() if thread.name == name] == []


def test_a_scenario_fails_with_its_driver(installed_database: ReusableDatabase) -> None:
    """While it waits for a row too, and it is not played again with a longer interval."""
    exits = [sys.executable, "-c", READY + "import sys; sys.stdin.readline(); sys.exit('out of memory')"]
    launch = partial(as_program, exits)
    played = 0

    def waits_for_a_beat(world: World) -> None:
        nonlocal played
        played += 1
        worker, claim = world.worker(), world.claim()
        worker.start(claim)
        world.beaten(claim)

    with pytest.raises(DriverFailed, match=r"code 1\n.*\n    out of memory"):
        play(Scenario(waits_for_a_beat, Level.PLAIN), installed_database.renew, ClientUnderTest(launch, launch))
    assert played == 1
