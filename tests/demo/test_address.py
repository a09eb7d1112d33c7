"""The demo finds an address to listen on, and names it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from riverkeeper.demo import exporter
from riverkeeper.demo.exporter import Address, choose_address
from riverkeeper.demo.program import DemoFailed


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_usual_address_if_it_is_free(monkeypatch: pytest.MonkeyPatch, taken: str) -> None:
    """Taken: any other port, and a sentence that names both. Free: no word."""
    monkeypatch.setattr(exporter, "USUAL", taken)
    instead, said = choose_address(None)
    assert said is not None
    assert taken in said
    assert str(instead) in said
    monkeypatch.setattr(exporter, "USUAL", str(instead))
    assert choose_address(None) == (instead, None)


def test_a_requested_address_is_not_exchanged(taken: str) -> None:
    """Who names an address has opened a firewall for it, or written it into a scrape configuration."""
    with pytest.raises(DemoFailed, match=r"cannot listen on .*--web\.listen-address"):
        choose_address(taken)


@pytest.mark.parametrize("wrong", ["9816", "localhost", "127.0.0.1:", "::1:9816", "127.0.0.1:port", "h:99999"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """With the form in which to write it."""
    with pytest.raises(DemoFailed, match="write HOST:PORT"):
        choose_address(wrong)


def test_port_0_is_any_free_port() -> None:
    """The port must be known before the exporter starts, so it is chosen here."""
    chosen, said = choose_address("127.0.0.1:0")
    assert (chosen.host, said) == ("127.0.0.1", None)
    assert chosen.port > 0


@pytest.mark.parametrize(
    ("where", "url"),
    [
        (Address("127.0.0.1", 1), "http://127.0.0.1:1"),
        (Address("", 1), "http://127.0.0.1:1"),
        (Address("0.0.0.0", 1), "http://127.0.0.1:1"),  # noqa: S104
        (Address("::", 1), "http://[::1]:1"),
        (Address("::1", 1), "http://[::1]:1"),
    ],
)
def test_the_url_can_be_opened(where: Address, url: str) -> None:
    """Everywhere is no place to go to: the URL then names loopback."""
    assert where.url == url
