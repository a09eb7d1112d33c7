"""Opens the listening sockets: all of them or none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from riverkeeper.web.errors import WebError

BACKLOG = 512
_FORM = "write HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces"
_FIXES = {
    errno.EADDRINUSE: "stop what listens there (see `ss -ltnp`), or choose another port with --web.listen-address",
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
    errno.EADDRNOTAVAIL: "no interface of this machine has the address; see `ip address`",
}
_OTHER_FIX = "choose another address with --web.listen-address"


def open_sockets(addresses: Sequence[str]) -> list[socket.socket]:
    """Listening sockets; a name may give several. Raises WebError for the first address that cannot be used."""
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sockets += _listen(address)
    except WebError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def format_address(listening: socket.socket) -> str:
    """The address of a listening socket, as it is written in a URL."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if listening.family == socket.AF_INET6 else f"{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """Host and port; the host is "" for all interfaces."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise WebError(f"{address!r} is not an address", _FORM)
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise WebError(f"{address!r} is not an address", _FORM)
    return host, int(port)


def _listen(address: str) -> list[socket.socket]:
    host, port = split_address(address)
    if not host:
        return [_listen_everywhere(address, port)]
    sockets, failures = [], []
    for family, where in _resolve(address, host, port):
        try:
            sockets.append(_open(family, where))
        except OSError as error:
            failures.append(error)
    # A name may stand for an address this machine lacks (localhost for ::1 without IPv6): one address is enough.
    if all(failure.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) for failure in failures) and sockets:
        return sockets
    for opened in sockets:
        opened.close()
    raise _unusable(address, failures[0])


def _listen_everywhere(address: str, port: int) -> socket.socket:
    try:
        if socket.has_dualstack_ipv6():
            return _open(socket.AF_INET6, ("::", port))
        return _open(socket.AF_INET, ("", port))
    except OSError as error:
        raise _unusable(address, error) from None


def _resolve(address: str, host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise WebError(
            f"{address!r}: the host name cannot be resolved",
            "write an address of this machine, or a host name that this machine can resolve",
        ) from None
    return list(dict.fromkeys((family, where) for family, _, _, _, where in found))  # type: ignore[misc]


def _open(family: int, where: tuple[str, int]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and where[0] == "::":
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # both families, as Go's exporters do
        opened.bind(where)
        # Now, not when the server starts: with SO_REUSEADDR a port counts as taken only once somebody listens.
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _unusable(address: str, error: OSError) -> WebError:
    return WebError(f"cannot listen on {address}: {error.strerror}", _FIXES.get(error.errno or 0, _OTHER_FIX))
