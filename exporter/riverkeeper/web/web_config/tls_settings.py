"""What `tls_server_config` asks for: a value that is only made when Python's ssl can do all of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from riverkeeper.web.web_config.sections import Section
from riverkeeper.web.web_config.tls_names import CURVES, SUITES, SUITES_13, VERSIONS


class ClientCertificate(Enum):
    """Which client certificates are asked for."""

    NEVER = ssl.CERT_NONE
    IF_GIVEN = ssl.CERT_OPTIONAL
    REQUIRED = ssl.CERT_REQUIRED


CLIENT_AUTH = {
    "NoClientCert": ClientCertificate.NEVER,
    "VerifyClientCertIfGiven": ClientCertificate.IF_GIVEN,
    "RequireAndVerifyClientCert": ClientCertificate.REQUIRED,
}
_UNVERIFIED = (
    "asks for a certificate without verifying it, which proves nothing and which Python's ssl cannot do; "
    "write RequireAndVerifyClientCert, or NoClientCert"
)
_REFUSED_AUTH = dict.fromkeys(("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _UNVERIFIED)
_REFUSED_VERSIONS = dict.fromkeys(("TLS10", "TLS11"), "is no longer safe and not offered; write TLS12 or TLS13")
_INLINE = "Python's ssl reads certificates and keys from files only; put it into a file and name it in {}_file"


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


def read_tls(section: Section, folder: Path) -> TlsSettings | None:
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


def _own_file(section: Section, name: str, folder: Path) -> Path:
    if section.text(name) is not None:
        section.wrong(section.at(name), name, _INLINE.format(name))
    file = section.text(f"{name}_file")
    if file is None:
        section.wrong(section.at(f"{name}_file"), f"{name}_file", "is missing; TLS needs cert_file and key_file")
    return folder / (file or "")


def _ciphers(section: Section, min_version: ssl.TLSVersion) -> tuple[str, ...]:
    names = section.texts("cipher_suites")
    line = section.at("cipher_suites")
    for name in names:
        if name not in SUITES and name not in SUITES_13:
            section.wrong(line, "cipher_suites", f"{name!r} is not a suite of Go's tls.CipherSuites()")
    if names and SUITES_13.issuperset(names) and min_version < ssl.TLSVersion.TLSv1_3:
        section.wrong(line, "cipher_suites", "names none for TLS 1.2; add one, or set min_version: TLS13")
    return tuple(SUITES[name] for name in names if name in SUITES)


def _curve(section: Section) -> str | None:
    names = section.texts("curve_preferences")
    if names and (len(names) > 1 or names[0] not in CURVES):
        what = f"Python's ssl can be told exactly one of {', '.join(CURVES)}; leave the key out for OpenSSL's choice"
        section.wrong(section.at("curve_preferences"), "curve_preferences", what)
    return CURVES.get(names[0]) if names else None


def _check_together(section: Section, settings: TlsSettings) -> None:
    ca_key = "client_ca_file" if settings.client_ca_file else "client_ca"
    has_ca = bool(settings.client_ca_file or settings.client_ca)
    if settings.client_ca_file and settings.client_ca:
        section.wrong(section.at("client_ca"), "client_ca", "and client_ca_file are both given; keep one")
    asked = section.text("client_auth_type")
    if has_ca and asked in (None, "NoClientCert"):
        section.wrong(section.at(ca_key), ca_key, "has no effect without client_auth_type: RequireAndVerifyClientCert")
    if not has_ca and settings.client_certificate is not ClientCertificate.NEVER:
        line = section.at("client_auth_type")
        section.wrong(line, "client_auth_type", "needs client_ca_file: whose certificates are to be believed?")
    if settings.allowed_sans and settings.client_certificate is not ClientCertificate.REQUIRED:
        line = section.at("client_allowed_sans")
        section.wrong(line, "client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if settings.min_version > settings.max_version:
        section.wrong(section.at("max_version"), "max_version", "is below min_version")
