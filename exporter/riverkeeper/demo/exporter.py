"""The demo's exporter: the address where it listens, its process, and its pages."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.demo.exposition import Page, read
from riverkeeper.demo.program import DemoFailed, Program, Stopped, Told, fetch, free_port, running
from riverkeeper.demo.settings import DemoFolder
from riverkeeper.web.errors import WebError
from riverkeeper.web.http.sockets import open_sockets, split_address

USUAL = "127.0.0.1:9816"
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # these cannot be opened


@dataclass(frozen=True, slots=True)
class Address:
    """HOST:PORT as `serve` takes it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """HOST:PORT by which this machine reaches it."""
        return str(Address(_EVERYWHERE.get(self.host, self.host), self.port))

    @property
    def url(self) -> str:
        return f"http://{self.target}"


def choose_address(asked: str | None) -> tuple[Address, str | None]:
    """The address, and a sentence where the usual one was taken; port 0 is any free one.

    Raises DemoFailed where the one that was asked for cannot be had.
    """
    try:
        wanted = Address(*split_address(asked or USUAL))
        for socket in open_sockets([str(wanted)]):
            socket.close()
    except WebError as error:
        if asked:
            raise DemoFailed(str(error)) from None
        instead = Address("127.0.0.1", free_port())
        return instead, f"{USUAL} is taken (another demo, or another Riverkeeper?): listening on {instead} instead"
    return Address(wanted.host, wanted.port or free_port()), None


READY_SECONDS = 30.0  # under 2 s on a two-core machine; the rest is for a busy one


@dataclass(slots=True)
class Exporter:
    """A running `riverkeeper serve`."""

    program: Program
    address: Address

    def page(self) -> Page:
        """Its metrics now. Raises DemoFailed where there are none."""
        self.program.check()
        text = fetch(f"{self.address.url}/metrics", READY_SECONDS)
        if text is None:
            raise DemoFailed(f"{self.address.url}/metrics does not answer; the end of its log:\n{self._log()}")
        try:
            return read(text)
        except ValueError as error:
            raise DemoFailed(f"{self.address.url}/metrics is no metrics page: {error}") from None

    def stuck(self) -> dict[str, object] | None:
        """/stuck.json; None where it does not answer."""
        text = fetch(f"{self.address.url}/stuck.json?limit=500", READY_SECONDS)
        try:
            answer = json.loads(text or "null")
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def wait_until_up(self, told: Told) -> None:
        """Return when it reads River's table: what finishes from then on is counted."""
        deadline = time.monotonic() + READY_SECONDS
        while self.page().total("river_up") != 1:
            if time.monotonic() > deadline:
                raise DemoFailed(f"river_up never became 1: the exporter cannot read River's table:\n{self._log()}")
            if told.wait(0.2):
                raise Stopped

    def _log(self) -> str:
        return self.program.last_words()


@contextlib.contextmanager
def start_exporter(folder: DemoFolder, address: Address, told: Told) -> Iterator[Exporter]:
    """The exporter, answering and reading. Flags win over variables of the user's environment, a file does not."""
    database = folder.config.database
    arguments = [sys.executable, "-m", "riverkeeper", "serve", "--config.file", str(folder.config_file)]
    arguments += ["--database-url", folder.config.conninfo.reveal(), "--river-schema", str(database.river_schema)]
    with running("exporter", [*arguments, "--web.listen-address", str(address)], folder.path) as program:
        program.wait_until_ready(f"{address.url}/-/healthy", told, READY_SECONDS)
        exporter = Exporter(program, address)
        exporter.wait_until_up(told)
        yield exporter
