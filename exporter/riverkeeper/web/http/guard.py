"""Guards every page: credentials, hosts, rate limit, requests at once, and the headers of every answer."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riverkeeper.metrics.catalogue.process import Rejection
from riverkeeper.service import Service
from riverkeeper.web.http.hosts import Hosts, is_same_origin
from riverkeeper.web.web_config.document import WebConfig
from riverkeeper.web.web_config.passwords import TooManyChecks
from riverkeeper.web.web_config.security import Security
from riverkeeper.web.webhook.endpoint import PATH as WEBHOOK

HEALTH = frozenset({"/-/healthy", "/-/ready"})  # a probe has no credentials, and must not wait behind other requests
AT_WORK = 100  # requests at once; below server.CONNECTIONS, so that a probe still finds a connection
Users = Mapping[str, bytes]
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})

DEFAULT_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """How a rejected request is answered."""

    status: int
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)


_RETRY = {"Retry-After": "1"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="riverkeeper", charset="UTF-8"'}
ANSWERS = {
    Rejection.NO_CREDENTIALS: ErrorAnswer(401, "This page needs a user and a password.", _CHALLENGE),
    Rejection.WRONG_CREDENTIALS: ErrorAnswer(401, "The user or the password is wrong.", _CHALLENGE),
    Rejection.RATE_LIMITED: ErrorAnswer(
        429, "Too many requests: rate_limit in the web configuration is reached. Try again in a second.", _RETRY
    ),
    Rejection.BUSY: ErrorAnswer(503, "Too many requests at once. Try again in a second.", _RETRY),
    Rejection.CROSS_SITE: ErrorAnswer(
        403, "This request comes from a page of another site, and only pages of this server may send it."
    ),
    Rejection.WRONG_HOST: ErrorAnswer(
        421,
        "This server listens on loopback and does not serve this host name. "
        "Behind a proxy, add the name to web.allowed_hosts.",
    ),
}


class Guard:
    """ASGI application around the pages."""

    def __init__(
        self, app: ASGIApp, service: Service, security: Security, hosts: Hosts | None = None, at_work: int = AT_WORK
    ) -> None:
        self._hosts = hosts or Hosts()
        self._app = app
        self._service = service
        self._security = security
        self._free = at_work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        config = self._security.config()
        guarded = _GuardedSend(send, {**DEFAULT_HEADERS, **config.headers})
        if scope["path"] in HEALTH:
            await self._app(scope, receive, guarded)
        elif rejection := await self._rejection(scope, Headers(scope=scope), self._users(scope, config)):
            self._service.count_rejected(rejection)
            answer = ANSWERS[rejection]
            text = PlainTextResponse(f"{answer.sentence}\n", answer.status, answer.headers)
            await text(scope, receive, guarded)
        else:
            await self._work(scope, receive, guarded)

    def _users(self, scope: Scope, config: WebConfig) -> Users:
        """A webhook has a token of its own, and one header carries no two credentials."""
        has_token = scope["path"] == WEBHOOK and self._service.webhook().token_file is not None
        return {} if has_token else config.users

    async def _rejection(self, scope: Scope, headers: Headers, users: Users) -> Rejection | None:
        if not self._security.admits_now():
            return Rejection.RATE_LIMITED
        if not self._hosts.admit(headers.get("host")):
            return Rejection.WRONG_HOST
        if rejection := await self._wrong_credentials(headers, users, str((scope.get("client") or ("",))[0])):
            return rejection
        if scope["method"] not in _SAFE_METHODS and not _is_same_site(headers):
            return Rejection.CROSS_SITE  # a browser sends our credentials along with another site's form
        return None if self._free > 0 else Rejection.BUSY

    async def _wrong_credentials(self, headers: Headers, users: Users, address: str) -> Rejection | None:
        if not users:
            return None
        credentials = basic_credentials(headers.get("authorization"))
        if credentials is None:
            return Rejection.NO_CREDENTIALS
        try:
            correct = await self._security.passwords.correct(users, *credentials, address)
        except TooManyChecks:
            return Rejection.BUSY
        return None if correct else Rejection.WRONG_CREDENTIALS

    async def _work(self, scope: Scope, receive: Receive, guarded: _GuardedSend) -> None:
        self._free -= 1
        try:
            await self._app(scope, receive, guarded)
        except asyncio.CancelledError:  # the server stops and its grace period is over
            if not guarded.started:
                await PlainTextResponse("Riverkeeper is stopping.\n", 503)(scope, receive, guarded)
        finally:
            self._free += 1


def _is_same_site(headers: Headers) -> bool:
    """Older browsers, and those that do not trust this address, send no Sec-Fetch-Site; all send Origin with a POST."""
    own = headers.get("sec-fetch-site", "none") in _OWN_SITE
    return own and is_same_origin(headers.get("origin"), headers.get("host"))


class _GuardedSend:
    """Sends what the page sends, with the headers that every answer carries."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                if value:
                    headers.setdefault(name, value)
        await self._send(message)


def basic_credentials(header: str | None) -> tuple[str, bytes] | None:
    """User and password of an Authorization header; None where it holds none that can be read."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    return (_decode(user), password) if colon else None


def _decode(user: bytes) -> str:
    try:
        return user.decode()
    except UnicodeDecodeError:  # older clients write Latin-1
        return user.decode("latin-1")
