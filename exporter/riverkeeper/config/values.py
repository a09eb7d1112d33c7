"""The types of option values: what each accepts, and what to write instead of what it does not."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, final

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from riverkeeper.config.option import FILE
from riverkeeper.config.problem import looks_like_connection, mistake, quote
from riverkeeper.config.redact import is_well_formed, redact_url

NAME_BYTES = 63  # Postgres cuts longer identifiers silently, and two schemas would become one
_WRITE_URL = (
    "write postgresql://user:password@host:5432/database, its special characters percent-encoded (@ is %40, / is %2F)"
)
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>[0-9]{1,5})")
_JOB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\{}]+\{id\}[^\s\"'<>\\{}]*")


@final
class DatabaseUrl:
    """A connection string that no print, dump or message gives away; `reveal()` does. Empty: libpq's PG* variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The string with its password: for the driver, never for a log."""
        return self._text

    def __str__(self) -> str:
        return redact_url(self._text)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseUrl) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def parse(cls, value: object) -> DatabaseUrl:
        """The URL, if libpq reads it as its author meant it. Errors never quote it."""
        if not isinstance(value, str):
            raise mistake("is not text", _WRITE_URL)
        if not value.strip():
            raise mistake("is empty", f"{_WRITE_URL}; or leave it out for libpq's PG* variables")
        if not is_well_formed(value.strip()):
            raise mistake("is neither a Postgres URL nor libpq's key=value pairs", _WRITE_URL)
        return cls(value.strip())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        hidden = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=hidden)


@dataclass(frozen=True)
class ListenAddress:
    """Where to listen: `host` "" means all interfaces, `port` 0 any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, value: object) -> ListenAddress:
        """The address in `host:port`, `:port` or `[::1]:port`."""
        match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
        if match is None or not _is_ipv6(match["ipv6"]):
            raise mistake(f"{quote(value)} is not an address to listen on", _address_fix(value))
        if int(match["port"]) > 65535:
            raise mistake(f"{match['port']} is not a port", "write a port from 0 to 65535 (0: any free port)")
        return cls(match["ipv6"] or match["host"] or "", int(match["port"]))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=text)


def _is_ipv6(text: str | None) -> bool:
    try:
        return text is None or ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def _address_fix(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""  # a list may be huge, by aliases
    if re.fullmatch(r"[0-9]{1,5}", text):
        return f'write "127.0.0.1:{text}", or ":{text}" for all interfaces'
    if text.count(":") > 1 and "[" not in text and "/" not in text:
        return 'write an IPv6 address in brackets and quotes: "[::1]:9816"'
    return 'write "127.0.0.1:9816", "[::1]:9816", or ":9816" for all interfaces'


def _distinct(addresses: tuple[ListenAddress, ...]) -> tuple[ListenAddress, ...]:
    if not addresses:
        raise mistake("is an empty list", "name at least one address, or remove the line")
    taken = [address for address in addresses if address.port]
    for position, address in enumerate(taken):
        if address in taken[:position]:
            raise mistake(f"{address} is listed twice", "remove one of them")
    return addresses


def _name(text: object) -> object:
    if not isinstance(text, str):
        return text
    _refuse_unfit(text, "a name")
    if len(text.encode()) > NAME_BYTES:
        raise mistake(f"{quote(text)} is longer than {NAME_BYTES} bytes", "shorten it: Postgres would cut it off")
    return text


def path_text(text: object) -> object:
    """The text of a path, unchanged. Raises if it cannot be a path, or if it is a connection string."""
    if isinstance(text, str):
        _refuse_unfit(text, "the path of a file")
    return text


def _refuse_unfit(text: str, wanted: str) -> None:
    if not text:
        raise mistake("is empty", f"write {wanted}, or remove the line for the default")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise mistake(f"{quote(text)} holds a character that cannot be written", f"write {wanted} without it")
    if looks_like_connection(text):  # else its password would be shown
        raise mistake("looks like a connection string", f"write {wanted} here, and the string as database.url")


def _job_address(text: str) -> str:
    if not _JOB_ADDRESS.fullmatch(text) or re.search(r"//[^/]*@", text):
        fix = "write for example https://riverui.example/jobs/{id}, without a password"
        raise mistake(f"{quote(text)} is not the web address of a job with {{id}} in place of its id", fix)
    return text


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise mistake(
            f"{quote(text)} is not the name of a host", "write for example riverkeeper.example, without scheme and port"
        )
    return text.lower()


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise mistake(f"{quote(text)} is not the name of a namespace", "write for example jobs")
    return text


_LABEL = r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_VALUE = r"[A-Za-z0-9._-]{0,63}"
_REQUIREMENT = (
    rf"(?:!\s*{_LABEL}|{_LABEL}(?:\s*(?:==?|!=)\s*{_LABEL_VALUE}"
    rf"|\s+(?:in|notin)\s*\(\s*{_LABEL_VALUE}(?:\s*,\s*{_LABEL_VALUE})*\s*\))?)"
)
# A selector is shown by `check` and in errors: a connection string that got into its place must not pass as one.
_SELECTOR = re.compile(rf"\s*{_REQUIREMENT}(?:\s*,\s*{_REQUIREMENT})*\s*")


def _selector(text: str) -> str:
    if not _SELECTOR.fullmatch(text) or len(text) > 1000:
        raise mistake(f"{quote(text)} is not a label selector", "write for example app=worker, or remove the line")
    return text


def _container(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise mistake(f"{quote(text)} is not the name of a container", "write it as in the pod's specification")
    return text


SchemaName = Annotated[str, BeforeValidator(_name)]
FilePath = Annotated[Path, BeforeValidator(path_text), FILE]  # absolute once loaded
ListenAddresses = Annotated[tuple[ListenAddress, ...], AfterValidator(_distinct)]
HostNames = tuple[Annotated[str, AfterValidator(_host_name)], ...]
Namespaces = tuple[Annotated[str, AfterValidator(_namespace)], ...]
LabelSelector = Annotated[str, AfterValidator(_selector)]
ContainerName = Annotated[str, AfterValidator(_container)]
JobAddress = Annotated[str, AfterValidator(_job_address)]
