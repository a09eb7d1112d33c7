"""Connection strings: what libpq takes of them, and what they have for other drivers.

One DATABASE_URL often serves the whole application. Parameters that size the pool of another driver are ignored. A
search_path is used. An unknown parameter is refused, because it may be a cut piece of a password.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from riverkeeper.postgres.errors import DatabaseError, ErrorKind

# Parameters of pgx and its pool (River for Go), Prisma, ActiveRecord (River for Ruby), node-postgres and sqlx (River
# for Rust), and the settings that each of our transactions pins.
_OTHER_DRIVERS = """
    pool_max_conns pool_min_conns pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter
    pool_max_conn_idle_time pool_health_check_period default_query_exec_mode statement_cache_capacity
    statement_cache_mode description_cache_capacity prefer_simple_protocol min_read_buffer_size
    connection_limit pool_timeout pgbouncer socket_timeout statement_cache_size
    pool max_connections prepared_statements checkout_timeout reaping_frequency idle_timeout encoding advisory_locks
    uselibpqcompat statement-cache-capacity
    statement_timeout lock_timeout idle_in_transaction_session_timeout timezone datestyle intervalstyle
    extra_float_digits standard_conforming_strings bytea_output client_min_messages default_transaction_read_only
    default_transaction_isolation
"""
IGNORED = frozenset(_OTHER_DRIVERS.split())
# pgx sends search_path to the server as a setting; Prisma and JDBC have other names for it.
SEARCH_PATH_NAMES = ("search_path", "schema", "currentSchema")
_SECRETS = ("password", "client_secret", "_key=")
_TOKEN = re.compile(r"(?P<key>[A-Za-z_-]+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)\s*", re.DOTALL)
_LIBPQ_KEYWORDS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """What libpq takes, and what was taken out of it."""

    conninfo: str
    search_path: tuple[str, ...]  # schema names of the URL's own search_path; empty: the login's is used
    ignored: tuple[str, ...]  # parameters of other drivers
    unknown: tuple[str, ...]  # parameters that neither libpq nor a known driver has
    names_may_be_shown: bool = True  # False: a secret is near, and a name may be a cut piece of it


def read_url(url: str) -> ConnectionString:
    """Split a URL into libpq's part and the parameters of other drivers. Raises DatabaseError BAD_URL."""
    # libpq reads a part of a password with @ or / as host or port, and error texts show hosts and ports.
    authority, _, rest = url.partition("://")[2].partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in rest:
        fix = "percent-encode the special characters of user and password: @ is %40, / is %2F"
        raise DatabaseError(ErrorKind.BAD_URL, "the database URL has more than one @, or an @ after a /", fix)
    found = read_connection_string(url, _LIBPQ_KEYWORDS)
    if found.unknown:
        names = ", ".join(found.unknown) if found.names_may_be_shown else "not shown, it may be a piece of a password"
        message = f"the database URL has a parameter that neither libpq nor another known driver has: {names}"
        raise DatabaseError(ErrorKind.BAD_URL, message, "remove the parameter, or write it with libpq's name")
    return found


def complete_url(url: str, application_name: str) -> str:
    """The connection string for libpq, with our encoding and application name. Raises DatabaseError BAD_URL."""
    given = _parse(url)
    ours = {"client_encoding": "UTF8"}  # for every database: the driver has no name for SQL_ASCII
    if "application_name" not in given:
        ours["application_name"] = application_name
    return make_conninfo(read_url(url).conninfo, **ours)


def describe_target(url: str) -> str:
    """`host:port/database` of a URL, for messages: without user and password. Raises DatabaseError BAD_URL."""
    parts = _parse(url)
    host, port = parts.get("host") or os.environ.get("PGHOST", "local"), parts.get("port") or "5432"
    return f"{host}:{port}/{parts.get('dbname') or os.environ.get('PGDATABASE', '')}"


def _parse(url: str) -> dict[str, Any]:
    conninfo = read_url(url).conninfo
    try:
        parts = conninfo_to_dict(conninfo)
    except (psycopg.Error, UnicodeError):  # libpq's message quotes the URL, perhaps with the password
        raise DatabaseError(ErrorKind.BAD_URL, "libpq cannot parse the database URL") from None
    if not all(port.isdecimal() for port in str(parts.get("port") or 5432).split(",") if port):
        raise DatabaseError(ErrorKind.BAD_URL, "the port in the database URL is not a number")
    return parts


def read_connection_string(text: str, known: frozenset[str]) -> ConnectionString:
    """Sort the parameters of a URL or a `key=value` string; `known` are libpq's own keywords."""
    query = ""
    if "://" in text.partition("=")[0]:
        base, _, query = text.partition("?")
        pairs = [(part.partition("=")[0], part) for part in query.split("&") if part]
        parameters = _sort_parameters([(unquote(key), part) for key, part in pairs], known)
        conninfo = base + ("?" + "&".join(parameters.kept) if parameters.kept else "")
        paths = [unquote(part.partition("=")[2]) for part in parameters.search_paths]
    else:
        tokens = [(match["key"], match[0]) for match in _TOKEN.finditer(text)]
        if "".join(token for _, token in tokens) != text.lstrip():  # libpq reports the error
            return ConnectionString(text, (), (), ())
        parameters = _sort_parameters(tokens, known)
        conninfo = "".join(parameters.kept)
        paths = [_unquote(part.partition("=")[2].strip()) for part in parameters.search_paths]
    schemas = tuple(name for path in paths for name in _split_search_path(path))
    # A password with & or ? that is not percent-encoded leaves pieces that look like names.
    shown = not any(sign in query for sign in "@?") and not any(word in text for word in _SECRETS)
    return ConnectionString(conninfo, schemas, tuple(parameters.ignored), tuple(parameters.unknown), shown)


@dataclass(frozen=True, slots=True)
class _SortedParameters:
    kept: list[str]
    search_paths: list[str]
    ignored: list[str]
    unknown: list[str]


def _sort_parameters(pairs: list[tuple[str, str]], known: frozenset[str]) -> _SortedParameters:
    found = _SortedParameters([], [], [], [])
    for key, text in pairs:
        if key in known or key == "ssl":  # libpq takes JDBC's `ssl=true`
            found.kept.append(text)
        elif key in SEARCH_PATH_NAMES:
            found.search_paths.append(text)
        elif key.lower() in IGNORED:
            found.ignored.append(key)
        else:
            found.unknown.append(key)
    return found


def _unquote(value: str) -> str:
    inner = value[1:-1] if value.startswith("'") else value
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def _split_search_path(path: str) -> list[str]:
    """Schema names as the server reads them: in lower case unless quoted."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^",\s][^",]*)', path)
    return [quoted.replace('""', '"') if quoted else plain.strip().lower() for quoted, plain in names]
