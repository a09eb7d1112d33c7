"""One run of the demo: everything is started, runs until it is told to end, and is gone afterwards."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.status import Status

from riverkeeper.demo.exporter import Exporter, choose_address, start_exporter, start_prometheus
from riverkeeper.demo.fetch import server_binaries
from riverkeeper.demo.fleet import TICK_SECONDS, DemoFleet
from riverkeeper.demo.guide import guide
from riverkeeper.demo.postgres import create_river_table, start_postgres
from riverkeeper.demo.program import DemoFailed, Stopped, Told, catch_signals
from riverkeeper.demo.simulation import Simulation
from riverkeeper.demo.summary import find_missing, summarize_page
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

SEED = 1  # one company for everybody who tries the demo; its first leader is not the first to crash
COUNTED_SECONDS = 20.0  # for the exporter to have counted what the fleet finished last
LOOK_SECONDS = 0.5


def run(seconds: float | None, listen_address: str | None, console: Console) -> int | None:
    """Run for `seconds`, or until a signal comes; the signal that ended it too early, else None.

    Raises DemoFailed, NoPostgres or DatabaseError; whatever happens, no process and no folder is left.
    """
    with catch_signals() as told, contextlib.ExitStack() as stack, contextlib.suppress(Stopped):
        address, note = choose_address(listen_address)
        if note:
            console.print(note, style="yellow", highlight=False)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="riverkeeper-demo-")))
        console.print("Starting Postgres, the exporter and a fleet of River clients …", highlight=False)
        url = stack.enter_context(start_postgres(binaries=stack.enter_context(server_binaries(console)))).database(
            "demo"
        )
        create_river_table(url, "public")
        install(url, None, None)
        exporter = stack.enter_context(start_exporter(url, address, folder, told))
        prometheus = stack.enter_context(start_prometheus(address, folder, told))
        console.print(guide(address, url, prometheus))
        fleet = DemoFleet(stack.enter_context(Session(url, "demo fleet")), "public", Simulation(SEED, time.time()))
        _work(fleet, exporter, seconds, told, console)
        if seconds is not None and told.signal is None:
            _conclude(fleet, exporter, told, console)
    console.print("Ended: its processes and its files are gone.", highlight=False)
    return None if seconds is None else told.signal


def _work(fleet: DemoFleet, exporter: Exporter, seconds: float | None, told: Told, console: Console) -> None:
    """Let the fleet work until the time is over or somebody says so."""
    start = time.monotonic()
    ends = None if seconds is None else start + seconds
    next_look = start
    with console.status("", spinner="dots") if console.is_terminal else contextlib.nullcontext() as status:
        while ends is None or time.monotonic() < ends:
            began = time.monotonic()
            fleet.tick(time.time())
            if began >= next_look:
                next_look = began + 1
                exporter.program.check()
                _show(fleet, began - start, status)
            if told.wait(began + TICK_SECONDS - time.monotonic()):
                return


def _show(fleet: DemoFleet, seconds: float, status: Status | None) -> None:
    if status is not None:
        live = fleet.live()
        done = sum(fleet.finished.values())
        status.update(
            f"{seconds:.0f} s   done {done:,}   running {live.running}   due {live.backlog:,}   failing {live.failing}"
            "   (Ctrl-C ends it)"
        )


def _conclude(fleet: DemoFleet, exporter: Exporter, told: Told, console: Console) -> None:
    """Print what the exporter saw. Raises DemoFailed where it did not count all that the fleet had finished by now."""
    finished = dict(fleet.finished)
    deadline = time.monotonic() + COUNTED_SECONDS
    while (complaints := find_missing(page := exporter.page(), finished)) and time.monotonic() < deadline:
        _work(fleet, exporter, LOOK_SECONDS, told, console)  # a fleet that stood still would look like an outage
        if told.signal is not None:
            raise Stopped
    console.print(summarize_page(page))
    if complaints:
        raise DemoFailed("; ".join(complaints))
