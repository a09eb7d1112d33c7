"""One run of the demo: starts everything, runs until its time or a signal ends it, and removes everything."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.status import Status

from riverkeeper.demo.clients import DEPLOYMENTS, MIXED_DEPLOYMENTS
from riverkeeper.demo.exporter import Address, Exporter, choose_address, start_exporter
from riverkeeper.demo.fetch import server_binaries
from riverkeeper.demo.fleet import TICK_SECONDS, DemoFleet
from riverkeeper.demo.guide import guide
from riverkeeper.demo.heartbeats import DemoHeartbeats
from riverkeeper.demo.monitoring import start_monitoring
from riverkeeper.demo.postgres import Table, create_river_table, start_postgres
from riverkeeper.demo.program import DemoFailed, Stopped, Told, catch_signals
from riverkeeper.demo.settings import KEEPER, RIVER, DemoFolder, write_folder
from riverkeeper.demo.simulation import Simulation
from riverkeeper.demo.summary import find_missing, summarize_look, summarize_page
from riverkeeper.demo.watch import LOOK_SECONDS, RecoveryWatch
from riverkeeper.look.inspect import inspect
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.fence import install_fence
from riverkeeper.schema.install import install

SEED = 1  # one company for everybody who tries the demo
COUNTED_SECONDS = 20.0  # for the exporter to have counted what the fleet finished last


@dataclass(slots=True)
class _Play:
    """What works together while the demo runs."""

    simulation: Simulation
    fleet: DemoFleet
    heartbeats: DemoHeartbeats
    watch: RecoveryWatch
    exporter: Exporter
    folder: DemoFolder

    def tick(self) -> None:
        now = time.time()
        self.watch.add(self.fleet.tick(now))
        self.heartbeats.beat(self.simulation.clients, now)


def run(seconds: float | None, listen_address: str | None, console: Console, *, mixed: bool = False) -> int | None:
    """Run for `seconds`, or until a signal comes; the signal that ended it too early, else None.

    `mixed`: workers of all of River's runtimes, else of Go alone.

    Raises DemoFailed, NoPostgres or DatabaseError; whatever happens, no process and no folder is left.
    """
    with catch_signals() as told, contextlib.ExitStack() as stack, contextlib.suppress(Stopped):
        address, note = choose_address(listen_address)
        if note:
            _say(console, note)
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="riverkeeper-demo-")))
        _say(console, "Starting Postgres, Riverkeeper and a fleet of River workers ...")
        play = stack.enter_context(_start(path, address, told, console, mixed=mixed))
        _work(play, seconds, told, console)
        if seconds is not None and told.signal is None:
            _conclude(play, told, console)
        elif told.signal == signal.SIGINT:
            _print_rescues(play, console)
    _say(console, "Ended: its processes and its files are gone.")
    return None if seconds is None else told.signal


@contextlib.contextmanager
def _start(path: Path, address: Address, told: Told, console: Console, *, mixed: bool) -> Iterator[_Play]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(start_postgres(binaries=stack.enter_context(server_binaries(console))))
        url = server.database("demo")
        create_river_table(url, RIVER)
        install(url, RIVER, KEEPER)
        install_fence(url, RIVER, KEEPER)
        folder = write_folder(path, url, address.url)
        exporter = stack.enter_context(start_exporter(folder, address, told))
        monitoring = stack.enter_context(start_monitoring(address, folder, told))
        _say(console, guide(address, folder.config_file, url, monitoring))
        table = Table(stack.enter_context(Session(url, "demo fleet")), RIVER, KEEPER)
        simulation = Simulation(SEED, time.time(), MIXED_DEPLOYMENTS if mixed else DEPLOYMENTS)
        heartbeats = stack.enter_context(contextlib.closing(DemoHeartbeats(url, table)))
        watch = RecoveryWatch(table, exporter, lambda line: _say(console, line))
        fleet = DemoFleet(table.session, RIVER, simulation)
        yield _Play(simulation, fleet, heartbeats, watch, exporter, folder)


def _say(console: Console, text: str) -> None:
    """Plain lines: nothing is cut, coloured or wrapped."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _work(play: _Play, seconds: float | None, told: Told, console: Console) -> None:
    """Let the fleet work until the time is over or somebody says so."""
    start = time.monotonic()
    ends = None if seconds is None else start + seconds
    next_look = next_status = start
    with console.status("", spinner="line") if console.is_terminal else contextlib.nullcontext() as status:
        while ends is None or time.monotonic() < ends:
            began = time.monotonic()
            play.tick()
            if began >= next_look:
                next_look = began + LOOK_SECONDS
                play.watch.look(time.time())
            if began >= next_status:
                next_status = began + 1
                play.exporter.program.check()
                _show(play, began - start, status)
            if told.wait(began + TICK_SECONDS - time.monotonic()):
                return


def _show(play: _Play, seconds: float, status: Status | None) -> None:
    if status is not None:
        live = play.fleet.live()
        done = sum(play.fleet.finished.values())
        status.update(
            f"{seconds:.0f} s   done {done:,}   running {live.running}   due {live.backlog:,}   failing {live.failing}"
            f"   back {play.watch.back}   (Ctrl-C ends it)"
        )


def _conclude(play: _Play, told: Told, console: Console) -> None:
    """Print what the exporter saw. Raises DemoFailed where it did not count all that the fleet had finished by now."""
    finished = dict(play.fleet.finished)
    deadline = time.monotonic() + COUNTED_SECONDS
    while (complaints := find_missing(page := play.exporter.page(), finished)) and time.monotonic() < deadline:
        _work(play, LOOK_SECONDS, told, console)  # a fleet that stood still would look like an outage
        if told.signal is not None:
            raise Stopped
    console.print(summarize_page(page))
    _print_rescues(play, console)
    if complaints:
        raise DemoFailed("; ".join(complaints))


def _print_rescues(play: _Play, console: Console) -> None:
    rescues = play.watch.summarize(play.folder.config, play.fleet.killed_workers)
    look = summarize_look(inspect(play.folder.config))
    for title, lines in (("Rescues", rescues), ("What `riverkeeper look` finds", look)):
        _say(console, "\n".join(["", title, *(f"  {line}" for line in lines)]))
