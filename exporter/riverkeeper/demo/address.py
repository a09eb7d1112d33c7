"""Where does the demo's exporter listen, and under which URL is it opened?"""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.demo.program import DemoFailed, free_port
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


def choose(asked: str | None) -> tuple[Address, str | None]:
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
