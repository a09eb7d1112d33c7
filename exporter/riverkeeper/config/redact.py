"""Removes the secrets of a connection string before it is shown. Hides the whole string where it cannot find them."""

from __future__ import annotations

import re

from riverkeeper.postgres.urls import IGNORED, SEARCH_PATH_NAMES

HIDDEN = "***"

# libpq's keywords that hold no secret. A keyword that is neither here nor below may be a piece of a password that
# was not escaped, so it hides everything beside it.
_SHOWN_KEYWORDS = """
    application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
    gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
    load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_issuer oauth_scope options
    passfile port replication require_auth requirepeer service servicefile ssl ssl_max_protocol_version
    ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslkeylogfile sslmode
    sslnegotiation sslrootcert sslsni target_session_attrs tcp_user_timeout user
"""
SHOWN = frozenset(_SHOWN_KEYWORDS.split()) | IGNORED | frozenset(SEARCH_PATH_NAMES)
SECRET = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})

# As libpq cuts a URL, but stricter where a slip would put a piece of a password somewhere else: a raw `@` or `/`
# in it makes the rest a host name (and so part of error messages), `&` for `?` makes it part of the database.
_HOST = r"(?:\[[0-9A-Fa-f:.%\w]*\]|[\w.%~+-]*)(?::[0-9]{0,5})?"
_PARAMETER = r"[A-Za-z_-]+=[^=&@;\s]*"
_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)"
    r"(?:(?P<user>[^:@/?#=&\s]*)(?P<password>:[^@/\s]*)?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?P<database>/[^@?&=/\s]*)?"
    rf"(?:\?(?P<query>{_PARAMETER}(?:&{_PARAMETER})*)?)?"
)
_PAIR = re.compile(
    r"\s*(?P<key>[A-Za-z_-]+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?!')(?:[^\s\\]|\\.)*)(?=\s|$)", re.DOTALL
)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_well_formed(url: str) -> bool:
    """Whether libpq will cut the string where its writer means it to be cut. Empty is well formed: PG* variables."""
    if "\0" in url:
        return False
    if "://" in url.partition("=")[0]:
        return _URL.fullmatch(url) is not None and _BAD_PERCENT.search(url) is None
    return _pairs(url) is not None


def redact_url(url: str) -> str:
    """The string with `***` for each secret; for all of it where a secret's borders are in doubt."""
    if not is_well_formed(url):
        return HIDDEN
    match = _URL.fullmatch(url)
    return _redact_pairs(url) if match is None else _redact_match(match)


def _redact_match(match: re.Match[str]) -> str:
    user, password = match["user"], match["password"]
    who = "" if user is None else user + (f":{HIDDEN}" if password else "") + "@"
    query = f"?{_redact_query(match['query'])}" if match["query"] else ""
    return f"{match['scheme']}{who}{match['hosts']}{match['database'] or ''}{query}"


def _redact_query(query: str) -> str:
    shown = [(key, _hide(key, value)) for key, _, value in (part.partition("=") for part in query.split("&"))]
    known = all(key in SHOWN | SECRET for key, _ in shown)
    return "&".join(f"{key}={value}" for key, value in shown) if known else HIDDEN


def _redact_pairs(conninfo: str) -> str:
    pairs = _pairs(conninfo) or []
    if any(key not in SHOWN | SECRET for key, _ in pairs):
        return HIDDEN
    return " ".join(f"{key}={_hide(key, value)}" for key, value in pairs)


def _hide(key: str, value: str) -> str:
    # A second pair or a URL inside a value is a separator that was mistyped, and may hold the password.
    return value if key in SHOWN and "=" not in value and "://" not in value else HIDDEN


def _pairs(conninfo: str) -> list[tuple[str, str]] | None:
    """Keys and values as written, quotes included; None where libpq would stumble."""
    found, position = [], 0
    while conninfo[position:].strip():
        match = _PAIR.match(conninfo, position)
        if match is None:
            return None
        found.append((match["key"], match["value"]))
        position = match.end()
    return found
