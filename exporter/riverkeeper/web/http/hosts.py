"""Which hosts a request may name, and whether the page that sends it is one of Riverkeeper's. Pure.

A page of another site can make a browser send requests here. Once the name of that site resolves to 127.0.0.1 (DNS
rebinding), the page can even read the answers. The Host header of such a request still names the other site.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True, slots=True)
class Hosts:
    """`names` beside every loopback address. None allows any name: beyond loopback the names are unknown."""

    names: frozenset[str] | None = None

    def admit(self, header: str | None) -> bool:
        """Whether this Host header names this server. HTTP/1.0 requests have none, and no browser sends them."""
        if self.names is None or header is None:
            return True
        name = _name(header)
        return name in self.names or is_loopback(name)


def allowed_hosts(listening: Iterable[str], allowed: Iterable[str]) -> Hosts:
    """For a server that listens on loopback only: its own addresses and the allowed names; else any name."""
    addresses = [address.lower() for address in listening]
    if not all(is_loopback(address) for address in addresses):
        return Hosts()
    return Hosts(frozenset(addresses) | {name.lower() for name in allowed})


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_same_origin(origin: str | None, host: str | None) -> bool:
    """Whether the Origin header names the requested host. An origin of None is no browser, such as curl.

    The scheme is not compared: a proxy that terminates TLS speaks plain HTTP to this server.
    """
    if origin is None:
        return True
    return host is not None and _authority(origin.partition("://")[2]) == _authority(host)


def _authority(text: str) -> str:
    lower = text.lower()
    for port in _DEFAULT_PORTS:
        lower = lower.removesuffix(port)
    return lower


def _name(header: str) -> str:
    """The host without its port, and without the brackets of an IPv6 address."""
    host, colon, port = header.strip().lower().rpartition(":")
    name = host if colon and port.isdecimal() else header.strip().lower()
    return name.removeprefix("[").removesuffix("]").removesuffix(".")
