"""Which hosts a request may name, and whether it comes from a page of ours. Pure.

A page of another site can make a browser send requests here. It can even read the answers, once its own name resolves
to 127.0.0.1 (DNS rebinding); but the request then still names that site.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True, slots=True)
class Hosts:
    """`names` beside every loopback address. None: any, as others reach us by names that we cannot know."""

    names: frozenset[str] | None = None

    def admit(self, header: str | None) -> bool:
        """Whether a request with this Host header is for us. HTTP/1.0 has none, and no browser sends it."""
        if self.names is None or header is None:
            return True
        name = _name(header)
        return name in self.names or is_loopback(name)


def hosts_of(listening: Iterable[str], allowed: Iterable[str]) -> Hosts:
    """For a server on these addresses: on loopback only, the allowed names and its own; else any."""
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


def is_own_origin(origin: str | None, host: str | None) -> bool:
    """Whether the page that sends a request came from the host that it names. None: no page, such as curl.

    The scheme is not compared: a proxy that ends TLS speaks HTTP to us.
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
