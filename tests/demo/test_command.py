"""`riverkeeper demo` as it starts and ends; all that it announces shows in e2e/test_demo.py."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path

from fixtures.demo_process import answers, assert_nothing_is_left, demo_folder, started

__all__ = ["demo_folder"]

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


def test_sigterm_while_starting_leaves_nothing(folder: Path) -> None:
    """Stopped before the requested time was over: 128 + the signal. Without a requested time: e2e/test_demo.py."""
    with started(folder, "--web.listen-address", "127.0.0.1:0", "--seconds", "60") as demo:
        demo.read_until("Starting")
        assert demo.end(signal.SIGTERM) == 143, demo.said
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
