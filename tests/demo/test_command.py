"""`riverkeeper demo` as somebody who tries it sees it: it shows what it announces, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from riverkeeper.demo.exposition import Page, read
from riverkeeper.demo.guide import FAULTS
from riverkeeper.demo.program import fetch

LIMIT_SECONDS = 300.0  # a very busy machine; alone, the longest of these takes under 20 s


class Demo:
    """A running `riverkeeper demo` whose temporary files all lie in `folder`."""

    def __init__(self, folder: Path, *arguments: str, path: str = "") -> None:
        environment = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "100"}
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
        command = [sys.executable, "-m", "riverkeeper", "demo", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self.said = ""

    def read_until(self, words: str) -> None:
        assert self.process.stdout is not None
        while words not in self.said:
            line = self.process.stdout.readline()
            assert line, f"ended without saying {words!r}: {self.said}"
            self.said += line

    def end(self, how: signal.Signals | None = None) -> int:
        """The exit code, after a signal or by itself."""
        if how is not None:
            self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        self.said += rest
        return self.process.returncode

    @property
    def url(self) -> str:
        return self._found(r"(http://\S+)/metrics")

    def ports(self) -> list[int]:
        """Of the exporter and of its Postgres."""
        database = self._found(r"@127\.0\.0\.1:(\d+)/demo")
        return [int(self.url.rpartition(":")[2]), int(database)]

    def _found(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match, self.said
        return match[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that Postgres, who is `nobody` where we are root, may enter."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def started(folder: Path, *arguments: str, path: str = "") -> Iterator[Demo]:
    demo = Demo(folder, *arguments, path=path)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.communicate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_nothing_is_left(demo: Demo, folder: Path) -> None:
    assert list(folder.iterdir()) == []
    assert [port for port in demo.ports() if answers(port)] == []


def announced() -> set[str]:
    """The metrics in which the guide lets faults be seen."""
    return {metric for _, metric in FAULTS}


def shown(page: Page) -> set[str]:
    """Those of the announced metrics that have a value above 0 on the page."""
    found = set()
    for metric in announced():
        name, _, labels = metric.partition("{")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if page.total(name, **wanted) > 0:
            found.add(metric)
    return found


def assert_all_faults_show(demo: Demo) -> None:
    """Each announced metric has a value above 0 at one time or another."""
    missing = announced()
    deadline, pause = time.monotonic() + LIMIT_SECONDS, threading.Event()
    while missing:
        missing -= shown(read(fetch(f"{demo.url}/metrics") or ""))
        assert time.monotonic() < deadline, missing
        pause.wait(0.5)  # between looks: the exporter reads the table every two seconds at most


PROMETHEUS = """\
#!{python}
import json, pathlib, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

options = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
home = pathlib.Path(options["config.file"]).parent
assert len(list(home.joinpath("rules").glob("*.yml"))) > 1
print(home.joinpath("prometheus.yml").read_text(), json.loads(home.joinpath("targets.json").read_text()), flush=True)
{ending}


class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()


host, port = options["web.listen-address"].split(":")
HTTPServer((host, int(port)), Ready).serve_forever()
"""


def prometheus(folder: Path, ending: str = "") -> str:
    """A folder for PATH with a `prometheus` that only checks how it is started."""
    program = folder / "prometheus"
    program.write_text(PROMETHEUS.format(python=sys.executable, ending=ending))
    program.chmod(0o755)
    return str(folder)


def test_every_announced_fault_shows_and_ctrl_c_ends_it(folder: Path) -> None:
    """Each metric of the guide comes to have a value, without a restart; then Ctrl-C ends it all, exit code 0.

    A job whose worker was killed runs again, rescued by the exporter; the summary counts it, and no false rescue.

    Meanwhile a second demo finds the usual port taken, reports that, and works on another.
    """
    with started(folder) as demo:
        demo.read_until("Workers are killed and jobs hang")
        with started(folder) as second:
            second.read_until("Workers are killed and jobs hang")
            assert "is taken" in second.said
            assert second.url != demo.url
            assert fetch(f"{second.url}/metrics")
            assert second.end(signal.SIGTERM) == 0, second.said
        assert_all_faults_show(demo)
        assert "sync_crm" in (fetch(f"{demo.url}/failing") or "")  # it always fails
        demo.read_until("running again after")
        assert re.search(r"\w+ \d+: (worker killed|hung), noticed after \d+ s, running again after \d+ s\n", demo.said)
        assert "worker" in (fetch(f"{demo.url}/rescues") or "")
        assert demo.end(signal.SIGINT) == 0, demo.said
    assert re.search(r"False rescues: 0 of [1-9]\d*\.", demo.said), demo.said
    assert "Time to the next attempt: p50" in demo.said
    assert_nothing_is_left(demo, folder)


def test_with_seconds_it_ends_with_what_the_exporter_counted(folder: Path, tmp_path: Path) -> None:
    """The summary has every kind that ran; exit code 0 means that the exporter counted all that the fleet finished.

    A Prometheus on PATH is started with the shipped configuration and the exporter's address; its URL is printed, and
    it ends with the demo.
    """
    arguments = ("--seconds", "3", "--web.listen-address", "127.0.0.1:0")
    with started(folder, *arguments, path=prometheus(tmp_path)) as demo:
        demo.read_until("Database")
        port = int(demo._found(r"Prometheus\s+http://127\.0\.0\.1:(\d+)/"))
        assert demo.end() == 0, demo.said
    assert not answers(port)
    for words in (
        "By kind",
        "By queue",
        "p95",
        "send_receipt",
        "resize_image",
        "sync_crm",
        "reports",
        "Rescues",
        "riverkeeper look",
    ):
        assert words in demo.said
    assert_nothing_is_left(demo, folder)


@pytest.mark.parametrize(("arguments", "code"), [(["--seconds", "60"], 143), ([], 0)])
def test_sigterm_while_starting_leaves_nothing(folder: Path, arguments: list[str], code: int) -> None:
    """Stopped before the requested time was over: 128 + the signal. Without a requested time that is its normal end."""
    with started(folder, "--web.listen-address", "127.0.0.1:0", *arguments) as demo:
        demo.read_until("Starting")
        assert demo.end(signal.SIGTERM) == code, demo.said
    assert list(folder.iterdir()) == []


def test_an_address_that_is_taken_ends_it(folder: Path) -> None:
    """A requested port is not exchanged: exit code 1 and the fix. No address at all: 2, as any wrong command."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        with started(folder, "--web.listen-address", address) as demo:
            assert demo.end() == 1
    assert "cannot listen on" in demo.said
    with started(folder, "--web.listen-address", "9816") as demo:
        assert demo.end() == 2
    assert "write HOST:PORT" in demo.said


def test_a_prometheus_that_does_not_start_is_reported(folder: Path, tmp_path: Path) -> None:
    """Exit code 1 with the end of its log, which here shows the target it was given."""
    arguments = ("--seconds", "1", "--web.listen-address", "127.0.0.1:0")
    with started(folder, *arguments, path=prometheus(tmp_path, "raise SystemExit('no disk')")) as demo:
        assert demo.end() == 1
    assert re.search(r"(?s)prometheus ended with code 1.*targets.*127\.0\.0\.1:\d+.*no disk", demo.said)
    assert list(folder.iterdir()) == []
