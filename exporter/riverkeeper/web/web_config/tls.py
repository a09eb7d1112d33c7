"""TLS of the web configuration: its settings, the context of a server, and the context that follows changes."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from riverkeeper.web.errors import WebError
from riverkeeper.web.web_config.sections import YamlSection

# Go's tls.CipherSuites(), the only ones the file format knows.
SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}

# All three are always offered with TLS 1.3; neither Go nor Python lets a program choose among them.
SUITES_13 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_READABLE = "the file must exist and be readable by the user of this process"
_PEM = "it must hold PEM: blocks that begin with -----BEGIN"


class ClientCertificate(Enum):
    """Whether the server requests a client certificate, and whether it must be there."""

    NEVER = ssl.CERT_NONE
    IF_GIVEN = ssl.CERT_OPTIONAL
    REQUIRED = ssl.CERT_REQUIRED


CLIENT_AUTH = {
    "NoClientCert": ClientCertificate.NEVER,
    "VerifyClientCertIfGiven": ClientCertificate.IF_GIVEN,
    "RequireAndVerifyClientCert": ClientCertificate.REQUIRED,
}
_UNVERIFIED = (
    "requests a certificate without verifying it: that proves nothing, and Python's ssl does not support it; "
    "write RequireAndVerifyClientCert, or NoClientCert"
)
_REFUSED_AUTH = dict.fromkeys(("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _UNVERIFIED)
_REFUSED_VERSIONS = dict.fromkeys(("TLS10", "TLS11"), "is no longer safe and not offered; write TLS12 or TLS13")
_INLINE = "Python's ssl reads certificates and keys from files only; write it into a file, and name the file in {}_file"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """One TLS configuration; the files were not opened yet."""

    cert_file: Path
    key_file: Path
    client_certificate: ClientCertificate = ClientCertificate.NEVER
    client_ca_file: Path | None = None
    client_ca: str | None = None
    allowed_sans: frozenset[str] = frozenset()
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()  # OpenSSL's names, TLS 1.2; empty for OpenSSL's choice
    prefer_server_ciphers: bool = True
    curve: str | None = None  # OpenSSL's name; None for OpenSSL's choice

    @property
    def files(self) -> tuple[Path, ...]:
        """The files whose change is a change of this configuration."""
        named = (self.cert_file, self.key_file, self.client_ca_file)
        return tuple(file for file in named if file is not None)


def read_tls(section: YamlSection, folder: Path) -> TlsSettings | None:
    """None where the section is empty, which means plain HTTP; files are relative to `folder`."""
    if not section:
        return None
    certificate, key = (_own_file(section, name, folder) for name in ("cert", "key"))
    ca_file = section.text("client_ca_file")
    min_version = section.choice("min_version", VERSIONS, VERSIONS["TLS12"], _REFUSED_VERSIONS)
    settings = TlsSettings(
        cert_file=certificate,
        key_file=key,
        client_certificate=section.choice("client_auth_type", CLIENT_AUTH, ClientCertificate.NEVER, _REFUSED_AUTH),
        client_ca_file=folder / ca_file if ca_file else None,
        client_ca=section.text("client_ca"),
        allowed_sans=frozenset(section.texts("client_allowed_sans")),
        min_version=min_version,
        max_version=section.choice("max_version", VERSIONS, VERSIONS["TLS13"], _REFUSED_VERSIONS),
        ciphers=_ciphers(section, min_version),
        prefer_server_ciphers=section.flag("prefer_server_cipher_suites", True),
        curve=_curve(section),
    )
    section.finish()
    _check_together(section, settings)
    return settings


def _own_file(section: YamlSection, name: str, folder: Path) -> Path:
    if section.text(name) is not None:
        section.wrong(section.at(name), name, _INLINE.format(name))
    file = section.text(f"{name}_file")
    if file is None:
        section.wrong(section.at(f"{name}_file"), f"{name}_file", "is missing: TLS needs cert_file and key_file")
    return folder / (file or "")


def _ciphers(section: YamlSection, min_version: ssl.TLSVersion) -> tuple[str, ...]:
    names = section.texts("cipher_suites")
    line = section.at("cipher_suites")
    for name in names:
        if name not in SUITES and name not in SUITES_13:
            section.wrong(line, "cipher_suites", f"{name!r} is not a suite of Go's tls.CipherSuites()")
    if names and SUITES_13.issuperset(names) and min_version < ssl.TLSVersion.TLSv1_3:
        section.wrong(line, "cipher_suites", "names no suite for TLS 1.2; add one, or set min_version: TLS13")
    return tuple(SUITES[name] for name in names if name in SUITES)


def _curve(section: YamlSection) -> str | None:
    names = section.texts("curve_preferences")
    if names and (len(names) > 1 or names[0] not in CURVES):
        what = f"Python's ssl takes exactly one of {', '.join(CURVES)}; leave the key out for OpenSSL's choice"
        section.wrong(section.at("curve_preferences"), "curve_preferences", what)
    return CURVES.get(names[0]) if names else None


def _check_together(section: YamlSection, settings: TlsSettings) -> None:
    ca_key = "client_ca_file" if settings.client_ca_file else "client_ca"
    has_ca = bool(settings.client_ca_file or settings.client_ca)
    if settings.client_ca_file and settings.client_ca:
        section.wrong(section.at("client_ca"), "client_ca", "and client_ca_file are both given; keep one")
    auth_type = section.text("client_auth_type")
    if has_ca and auth_type in (None, "NoClientCert"):
        section.wrong(section.at(ca_key), ca_key, "has no effect without client_auth_type: RequireAndVerifyClientCert")
    if not has_ca and settings.client_certificate is not ClientCertificate.NEVER:
        line = section.at("client_auth_type")
        section.wrong(
            line, "client_auth_type", "needs client_ca_file, the authority whose client certificates are trusted"
        )
    if settings.allowed_sans and settings.client_certificate is not ClientCertificate.REQUIRED:
        line = section.at("client_allowed_sans")
        section.wrong(line, "client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if settings.min_version > settings.max_version:
        section.wrong(section.at("max_version"), "max_version", "is below min_version")


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """A server's context. Raises WebError where a file cannot be read or holds no certificate or key."""
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
        what = "cipher_suites or curve_preferences name nothing that the OpenSSL of this machine supports"
        raise WebError(what, "see `openssl ciphers -v` and `openssl ecparam -list_curves`") from None


def _load_own_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    _read_file("cert_file", settings.cert_file)
    _read_file("key_file", settings.key_file)
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_refuse_to_ask(settings.key_file))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"key_file {settings.key_file} is not the key of cert_file {settings.cert_file}"
            raise WebError(what, "write both files of one pair; they are read again when either changes") from None
        what = f"cert_file {settings.cert_file} and key_file {settings.key_file} are not a certificate and its key"
        raise WebError(f"{what}: {error.reason or 'no PEM'}", _PEM) from None


def _refuse_to_ask(key_file: Path) -> Callable[[], NoReturn]:
    # Without this, OpenSSL prompts for the pass phrase on the terminal, and the service hangs at its start.
    def refuse() -> NoReturn:
        raise WebError(f"key_file {key_file} is encrypted", "decrypt it: openssl pkey -in ENCRYPTED -out PLAIN")

    return refuse


def _load_client_authority(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.verify_mode = settings.client_certificate.value
    # As in Go, a certificate in the file is trusted as it is, also an intermediate or a client's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    name, text = "client_ca", settings.client_ca
    if settings.client_ca_file:
        name = f"client_ca_file {settings.client_ca_file}"
        text = _read_file("client_ca_file", settings.client_ca_file).decode("ascii", "replace")
    if text is None:
        return
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise WebError(f"{name} holds no certificate", _PEM) from None


def _read_file(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "no file can have this name")
        raise WebError(f"{name} {file} cannot be read: {reason}", _READABLE) from None


class CurrentContext(ssl.SSLContext):
    """A context for asyncio that uses the context in force at each handshake."""

    _current: Callable[[], ssl.SSLContext]

    def __new__(cls, current: Callable[[], ssl.SSLContext]) -> CurrentContext:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self._current = current
        return self

    def __init__(self, current: Callable[[], ssl.SSLContext]) -> None:
        """`current` is called once for each new connection."""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """The only method of a context that asyncio calls."""
        return self._current().wrap_bio(*args, **kwargs)


def alternative_names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The names of a verified client certificate (as ssl's getpeercert gives it), of every sort."""
    return frozenset(value for _, value in certificate.get("subjectAltName", ()))
