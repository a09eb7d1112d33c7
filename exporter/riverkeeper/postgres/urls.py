"""Connection strings as applications write them for their own drivers, made into what libpq takes.

One DATABASE_URL often serves the whole application. What sizes another driver's pool changes nothing here: it is
ignored with a note. The schema that it names is searched. What nobody knows is refused: it may be a slip in a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

# Of pgx and its pool (River for Go); Prisma; ActiveRecord (River for Ruby); node-postgres; sqlx (River for Rust); and
# the settings that every transaction of ours pins for itself.
_OTHERS = """
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
IGNORED = frozenset(_OTHERS.split())
# Where tables are looked for: pgx hands it to the server as a setting; Prisma and JDBC have names of their own.
SEARCHED = ("search_path", "schema", "currentSchema")
_SECRETS = ("password", "client_secret", "_key=")
_TOKEN = re.compile(r"(?P<key>[A-Za-z_-]+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """What libpq takes, and what was taken out of it."""

    conninfo: str
    searched: tuple[str, ...]  # schemas, by the URL's own search_path; none: the login's
    ignored: tuple[str, ...]  # parameters of other drivers
    unknown: tuple[str, ...]  # parameters that neither libpq nor another driver known here has
    names_may_be_shown: bool = True  # False: a secret stands beside them, and what looks like a name may be cut from it


def read_connection_string(text: str, known: frozenset[str]) -> ConnectionString:
    """`known`: libpq's own keywords."""
    query = ""
    if "://" in text.partition("=")[0]:
        base, _, query = text.partition("?")
        pairs = [(part.partition("=")[0], part) for part in query.split("&") if part]
        sorted_out = _sort([(unquote(key), part) for key, part in pairs], known)
        conninfo = base + ("?" + "&".join(sorted_out.kept) if sorted_out.kept else "")
        searched = [unquote(part.partition("=")[2]) for part in sorted_out.searched]
    else:
        tokens = [(match["key"], match[0]) for match in _TOKEN.finditer(text)]
        if "".join(token for _, token in tokens) != text.lstrip():  # libpq says where it stumbles
            return ConnectionString(text, (), (), ())
        sorted_out = _sort(tokens, known)
        conninfo = "".join(sorted_out.kept)
        searched = [_unquoted(part.partition("=")[2].strip()) for part in sorted_out.searched]
    schemas = tuple(name for path in searched for name in _schemas(path))
    # A password that was not escaped may be cut anywhere, and a piece of it would look like a name.
    shown = not any(sign in query for sign in "@?") and not any(word in text for word in _SECRETS)
    return ConnectionString(conninfo, schemas, tuple(sorted_out.ignored), tuple(sorted_out.unknown), shown)


@dataclass(frozen=True, slots=True)
class _Sorted:
    kept: list[str]
    searched: list[str]
    ignored: list[str]
    unknown: list[str]


def _sort(pairs: list[tuple[str, str]], known: frozenset[str]) -> _Sorted:
    found = _Sorted([], [], [], [])
    for key, text in pairs:
        if key in known or key == "ssl":  # libpq takes JDBC's `ssl=true`
            found.kept.append(text)
        elif key in SEARCHED:
            found.searched.append(text)
        elif key.lower() in IGNORED:
            found.ignored.append(key)
        else:
            found.unknown.append(key)
    return found


def _unquoted(value: str) -> str:
    inner = value[1:-1] if value.startswith("'") else value
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def _schemas(path: str) -> list[str]:
    """Names of a search_path as the server reads it: folded to lower case unless quoted."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^",\s][^",]*)', path)
    return [quoted.replace('""', '"') if quoted else plain.strip().lower() for quoted, plain in names]
