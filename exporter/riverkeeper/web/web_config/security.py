"""The web configuration in force: TLS, users, rate limit and headers, read again when the file changes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from riverkeeper.web.errors import WebError
from riverkeeper.web.web_config.document import WebConfig, WebConfigError, parse_web_config
from riverkeeper.web.web_config.fingerprints import Fingerprint, take_fingerprints
from riverkeeper.web.web_config.passwords import Passwords
from riverkeeper.web.web_config.rate_limit import TokenBucket
from riverkeeper.web.web_config.tls import ClientCertificate, CurrentContext, alternative_names, make_context

REQUIRED = ClientCertificate.REQUIRED
_FIX = "the format is described in docs/web-configuration.md of Prometheus' exporter-toolkit"
_log = structlog.get_logger("riverkeeper.web")


def protections(config: WebConfig) -> set[str]:
    """The keys of the file that keep clients out. To go without one of them needs a restart."""
    tls = config.tls
    found = {
        "tls_server_config": tls is not None,
        "client_auth_type: RequireAndVerifyClientCert": tls is not None and tls.client_certificate is REQUIRED,
        "client_allowed_sans": tls is not None and bool(tls.allowed_sans),
        "basic_auth_users": bool(config.users),
        "rate_limit": config.rate_limit is not None,
    }
    return {name for name, there in found.items() if there}


class Security:
    """The file of --web.config.file; without one, plain HTTP for everybody."""

    def __init__(self, file: Path | None = None) -> None:
        """Raises WebError where the file, or one that it names, cannot be used: a service must not start open."""
        self.passwords = Passwords()
        self.problem: str | None = None  # why a changed file is not in force; the previous one then is
        self._file = file
        self._watched: tuple[Path, ...] = () if file is None else (file,)
        self._seen: tuple[Fingerprint, ...] = ()
        self._config, self._context, self._bucket = self._read()
        self.tls = self._context is not None
        self._log_warnings()

    def config(self) -> WebConfig:
        """The configuration in force; checks whether a file changed."""
        self._follow()
        return self._config

    def context(self) -> ssl.SSLContext | None:
        """For the listening sockets; new certificates and settings hold from the next handshake on. None: no TLS."""
        return CurrentContext(self._context_in_force) if self.tls else None

    def admits_certificate(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether client_allowed_sans lets this verified client certificate in."""
        tls = self._config.tls
        if tls is None or not tls.allowed_sans:
            return True
        return not tls.allowed_sans.isdisjoint(alternative_names(certificate or {}))

    def admits_now(self) -> bool:
        """Whether rate_limit lets one more request in."""
        return self._bucket is None or self._bucket.admits()

    def _context_in_force(self) -> ssl.SSLContext:
        self._follow()
        if self._context is None:  # cannot be: _apply refuses a file that turns TLS off
            raise WebError("TLS is off", "restart")
        return self._context

    def _follow(self) -> None:
        if self._watched and take_fingerprints(self._watched) != self._seen:
            before = self._watched
            try:
                self._apply(*self._read())
            except WebError as error:
                self._watch_too(before)
                self.problem = str(error)
                _log.error("web configuration not reloaded, the previous one stays in force", reason=self.problem)

    def _watch_too(self, files: tuple[Path, ...]) -> None:
        """The files of the configuration that stays in force, beside those of the refused one."""
        more = tuple(file for file in files if file not in self._watched)
        self._watched, self._seen = self._watched + more, self._seen + take_fingerprints(more)

    def _apply(self, config: WebConfig, context: ssl.SSLContext | None, bucket: TokenBucket | None) -> None:
        if context is not None and not self.tls:
            raise WebError(f"{self._file}: turns TLS on", "restart Riverkeeper: TLS cannot be turned on while it runs")
        if lost := sorted(protections(self._config) - protections(config)):  # also where the file was cut or emptied
            raise WebError(
                f"{self._file} no longer has {', '.join(lost)}",
                "write it again, or restart Riverkeeper to run without it",
            )
        self._config, self._context, self._bucket = config, context, bucket
        self.problem = None
        _log.info("web configuration reloaded", file=str(self._file))
        self._log_warnings()

    def _read(self) -> tuple[WebConfig, ssl.SSLContext | None, TokenBucket | None]:
        if self._file is None:
            return WebConfig(), None, None
        # Fingerprints are taken before the files are read: a change in between is then seen at the next check.
        self._seen = take_fingerprints(self._watched)
        config = _parse(self._file)
        self._watched = (self._file, *(config.tls.files if config.tls else ()))
        self._seen = (self._seen[0], *take_fingerprints(self._watched[1:]))
        context = make_context(config.tls) if config.tls else None
        return config, context, TokenBucket(config.rate_limit) if config.rate_limit else None

    def _log_warnings(self) -> None:
        for warning in self._config.warnings:
            _log.warning(warning, file=str(self._file))


def _parse(file: Path) -> WebConfig:
    try:
        return parse_web_config(file.read_text("utf-8"), file.parent)
    except OSError as error:
        raise WebError(
            f"{file} cannot be read: {error.strerror}",
            "correct the path of --web.config.file, or make the file readable for this process",
        ) from None
    except UnicodeDecodeError:
        raise WebError(f"{file} is not a UTF-8 text file", _FIX) from None
    except WebConfigError as mistakes:
        raise WebError(f"{file}: {mistakes}", _FIX) from None
