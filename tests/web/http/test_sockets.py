"""Listening sockets: which addresses are understood, and what is reported of those that cannot be had."""

from __future__ import annotations

import errno
import socket

import pytest

from riverkeeper.web.errors import WebError
from riverkeeper.web.http import sockets as web_sockets
from riverkeeper.web.http.sockets import format_address, open_sockets, split_address


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.1:9816", "127.0.0.1", 9816),
        (":9816", "", 9816),
        ("[::1]:0", "::1", 0),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_addresses(address: str, host: str, port: int) -> None:
    """HOST:PORT, IPv6 in brackets, and no host for all interfaces."""
    assert (host, port) == split_address(address)


@pytest.mark.parametrize("address", ["", "9816", "localhost", "::1:9816", "host:port", "host:-1", "host:65536", "h:²"])
def test_what_is_no_address(address: str) -> None:
    """What cannot be an address is refused with the forms that can."""
    with pytest.raises(WebError, match="is not an address") as caught:
        split_address(address)
    assert "write HOST:PORT" in caught.value.fix


def test_all_or_none() -> None:
    """Where one address cannot be had none stays open, and the sentence names it and what to do."""
    first = open_sockets(["127.0.0.1:0"])[0]
    free = open_sockets(["127.0.0.1:0"])[0]
    free_address = format_address(free)
    free.close()

    with first:
        taken_address = format_address(first)
        with pytest.raises(WebError) as caught:
            open_sockets([free_address, taken_address])

    assert str(caught.value).startswith(f"cannot listen on {taken_address}: Address already in use (stop what")
    open_sockets([free_address])[0].close()


def test_an_address_of_another_machine() -> None:
    """An address that no interface has cannot be had."""
    with pytest.raises(WebError, match="no interface of this machine has the address"):
        open_sockets(["192.0.2.1:0"])


def test_a_name_nobody_knows() -> None:
    """A host that does not resolve is reported as such."""
    with pytest.raises(WebError, match="host name cannot be resolved"):
        open_sockets(["no-such-host.invalid:9816"])


def test_a_port_below_1024(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission denied means a low port: the sentence names it."""

    def denied(*_: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(web_sockets, "_open", denied)

    for address in ("127.0.0.1:80", ":80"):
        with pytest.raises(WebError, match="CAP_NET_BIND_SERVICE"):
            open_sockets([address])


def test_a_name_with_an_address_this_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is two addresses, of which a machine without IPv6 has one: that is enough."""
    opened = web_sockets._open
    both = [(socket.AF_INET6, ("::1", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(web_sockets, "_resolve", lambda *_: both)

    def only_ipv4(family: int, where: tuple[str, int]) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return opened(family, where)

    monkeypatch.setattr(web_sockets, "_open", only_ipv4)

    sockets = open_sockets(["localhost:0"])

    assert [listener.family for listener in sockets] == [socket.AF_INET]
    sockets[0].close()


def test_all_interfaces() -> None:
    """No host is every interface, by IPv4 and, where there is any, by IPv6."""
    with (
        open_sockets([":0"])[0] as listener,
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), 5) as client,
    ):
        assert client.getpeername()[1] == listener.getsockname()[1]
