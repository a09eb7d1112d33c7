"""The file of --web.config.file, in exporter-toolkit's format: parses the text into one checked value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riverkeeper.web.web_config.rate_limit import RateLimit, read_rate_limit
from riverkeeper.web.web_config.sections import Mistakes, YamlSection, read_document
from riverkeeper.web.web_config.tls import TlsSettings, read_tls

# Only these may be set, as in exporter-toolkit; a tuple names the only values there are.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_HTTP2 = "http2: true has no effect: this server speaks HTTP/1.1 only"


class WebConfigError(Exception):
    """The text holds mistakes, each with its line; no mistake quotes a secret."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__("; ".join(f"line {line}: {what}" for line, what in sorted(mistakes)))


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the server protects itself. The default is plain HTTP for everybody."""

    tls: TlsSettings | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # "" takes the header away
    users: Mapping[str, bytes] = field(default_factory=dict)  # name -> bcrypt hash; empty lets everybody in
    rate_limit: RateLimit | None = None
    warnings: tuple[str, ...] = ()  # warnings: keys that are accepted and have no effect


def parse_web_config(text: str, folder: Path) -> WebConfig:
    """Raises WebConfigError with all mistakes at once. File names in it are relative to `folder`."""
    mistakes: Mistakes = []
    top = read_document(text, mistakes)
    tls = read_tls(top.section("tls_server_config"), folder)
    http = top.section("http_server_config")
    warnings = (_HTTP2,) if http.flag("http2", False) else ()
    headers = _headers(http.section("headers"))
    http.finish()
    users = _users(top.section("basic_auth_users"))
    rate_limit = read_rate_limit(top.section("rate_limit"))
    top.finish()
    if mistakes:
        raise WebConfigError(mistakes)
    return WebConfig(tls, headers, users, rate_limit, warnings)


def _headers(section: YamlSection) -> dict[str, str]:
    headers = {}
    for name in section.names():
        line, value = section.at(name), section.text(name) or ""
        if name not in HEADERS:
            section.wrong(line, name, f"cannot be set here; these headers can: {', '.join(HEADERS)}")
        elif HEADERS[name] and value not in HEADERS[name]:
            section.wrong(line, name, f"must be {' or '.join(HEADERS[name])}")
        elif not _PRINTABLE.fullmatch(value):
            section.wrong(line, name, "holds characters that an HTTP header cannot hold")
        headers[name] = value
    return headers


def _users(section: YamlSection) -> dict[str, bytes]:
    users = {}
    for name in section.names():
        hashed = section.text(name) or ""
        if not _BCRYPT.fullmatch(hashed):
            what = "is not a bcrypt hash; make one with `htpasswd -nBC 10 NAME`"
            section.wrong(section.at(name), name, what)
        if ":" in name:
            section.wrong(section.at(name), name, "the name of a user cannot hold a colon")
        users[name] = hashed.encode("ascii", "replace")
    return users
