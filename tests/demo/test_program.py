"""The demo's children end with it, and say why when they end before it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from riverkeeper.demo import program
from riverkeeper.demo.program import DemoFailed, Stopped, Told, catch_signals, fetch, running

WAITS = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
NOWHERE = "http://127.0.0.1:9/"  # discard: nothing listens there


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_ends_with_its_block(tmp_path: Path) -> None:
    """They receive SIGTERM in order."""
    with running("waits", python(WAITS), tmp_path) as child:
        pass
    assert child.process.returncode == -signal.SIGTERM


def test_a_deaf_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores SIGTERM does not outlive the demo."""
    monkeypatch.setattr(program, "STOP_SECONDS", 0.1)
    told = Told()
    with running("deaf", python(DEAF), tmp_path) as child:
        while "deaf" not in child.last_words():
            told.wait(0.01)
    assert child.process.returncode == -signal.SIGKILL


def test_a_child_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    """Its code, and its last lines, so that nobody must look for a file that is gone by then."""
    with running("exporter", python("print('no such table'); raise SystemExit(3)"), tmp_path) as child:
        child.process.wait()
        with pytest.raises(DemoFailed, match=r"(?s)exporter ended with code 3.*no such table"):
            child.check()
        with pytest.raises(DemoFailed, match="ended with code 3"):
            child.wait_until_ready(NOWHERE, Told(), 60)


def test_a_long_line_of_a_log_is_shortened_in_its_middle(tmp_path: Path) -> None:
    """A traceback in one line: its beginning has the time, its end the exception."""
    with running("exporter", python("print('10:00 failed', 'x' * 5000, 'TypeError: no')"), tmp_path) as child:
        child.process.wait()
        said = child.last_words()
    assert said.startswith("  10:00 failed xx")
    assert said.endswith("xx TypeError: no")
    assert len(said) < 500


def test_waiting_ends_on_request(tmp_path: Path) -> None:
    """Ctrl-C while a child starts is heeded at once; a child that never gets ready is reported after a while."""
    told = Told()
    with running("waits", python(WAITS), tmp_path) as child:
        with pytest.raises(DemoFailed, match="waits was not ready after 0 s"):
            child.wait_until_ready(NOWHERE, told, 0.1)
        told(signal.SIGINT, None)
        with pytest.raises(Stopped):
            child.wait_until_ready(NOWHERE, told, 60)


def test_signals_set_a_flag_and_are_put_back() -> None:
    """Inside, SIGTERM means stop and nothing else; outside, the handlers are what they were."""
    before = signal.getsignal(signal.SIGTERM)
    with catch_signals() as told:
        assert not told.wait(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(10)
        assert told.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that answers is None, whatever HTTP_PROXY is set to."""
    monkeypatch.setenv("http_proxy", NOWHERE)
    assert fetch(NOWHERE) is None
