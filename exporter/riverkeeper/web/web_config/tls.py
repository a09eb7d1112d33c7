"""TLS contexts: one from settings, and one whose every handshake uses the settings then in force."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from riverkeeper.web.http.errors import WebError
from riverkeeper.web.web_config.tls_settings import TlsSettings

_READABLE = "the file must exist and be readable by the user of this process"
_PEM = "it must hold PEM: blocks that begin with -----BEGIN"


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """A server's context. Raises WebError where a file cannot be read or does not hold what it should."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = settings.min_version
    context.maximum_version = settings.max_version
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not settings.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _choose_algorithms(context, settings)
    _load_own_certificate(context, settings)
    _load_client_authority(context, settings)
    return context


def _choose_algorithms(context: ssl.SSLContext, settings: TlsSettings) -> None:
    try:
        if settings.ciphers:
            context.set_ciphers(":".join(settings.ciphers))
        if settings.curve:
            context.set_ecdh_curve(settings.curve)
    except (ssl.SSLError, ValueError):
        what = "cipher_suites or curve_preferences name nothing that this machine's OpenSSL has"
        raise WebError(what, "see `openssl ciphers -v` and `openssl ecparam -list_curves`") from None


def _load_own_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    _read("cert_file", settings.cert_file)
    _read("key_file", settings.key_file)
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_refuse_to_ask(settings.key_file))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"key_file {settings.key_file} is not the key of cert_file {settings.cert_file}"
            raise WebError(what, "write both files of one pair; they are read again when either changes") from None
        what = f"cert_file {settings.cert_file} and key_file {settings.key_file} are not a certificate and its key"
        raise WebError(f"{what}: {error.reason or 'no PEM'}", _PEM) from None


def _refuse_to_ask(key_file: Path) -> Callable[[], NoReturn]:
    # Without this OpenSSL asks for the pass phrase on the terminal, and a service hangs at its start.
    def refuse() -> NoReturn:
        raise WebError(f"key_file {key_file} is encrypted", "decrypt it: openssl pkey -in ENCRYPTED -out PLAIN")

    return refuse


def _load_client_authority(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.verify_mode = settings.client_certificate.value
    # As in Go, a certificate in the file is believed as it is, also an intermediate or a client's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    name, text = "client_ca", settings.client_ca
    if settings.client_ca_file:
        name = f"client_ca_file {settings.client_ca_file}"
        text = _read("client_ca_file", settings.client_ca_file).decode("ascii", "replace")
    if text is None:
        return
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise WebError(f"{name} holds no certificate", _PEM) from None


def _read(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "no file can have this name")
        raise WebError(f"{name} {file} cannot be read: {reason}", _READABLE) from None


class CurrentContext(ssl.SSLContext):
    """A context for asyncio that holds nothing itself: it asks for the one in force at each handshake."""

    _current: Callable[[], ssl.SSLContext]

    def __new__(cls, current: Callable[[], ssl.SSLContext]) -> CurrentContext:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self._current = current
        return self

    def __init__(self, current: Callable[[], ssl.SSLContext]) -> None:
        """`current` is called once for each new connection."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """The one thing asyncio does with a context."""
        return self._current().wrap_bio(*args, **kwargs)


def alternative_names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The names of a verified client certificate (as ssl's getpeercert gives it), of every sort."""
    return frozenset(value for _, value in certificate.get("subjectAltName", ()))
