"""Stands before every page: who is let in, how many at once, and which headers each answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riverkeeper.metrics.catalogue.process import Rejection
from riverkeeper.service import Service
from riverkeeper.web.http.credentials import basic_credentials
from riverkeeper.web.http.hosts import Hosts, is_own_origin
from riverkeeper.web.http.rejection import REFUSALS
from riverkeeper.web.web_config.document import WebConfig
from riverkeeper.web.web_config.passwords import TooManyChecks
from riverkeeper.web.web_config.security import Security
from riverkeeper.web.webhook.endpoint import PATH as WEBHOOK

HEALTH = frozenset({"/-/healthy", "/-/ready"})  # a probe has no credentials, and must not wait in a crowd
AT_WORK = 100  # requests at once; below server.CONNECTIONS, so that a probe still finds a connection
Users = Mapping[str, bytes]
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})

DEFAULT_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
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
        answer = _Answer(send, {**DEFAULT_HEADERS, **config.headers})
        if scope["path"] in HEALTH:
            await self._app(scope, receive, answer)
        elif rejection := await self._rejection(scope, Headers(scope=scope), self._users(scope, config)):
            self._service.count_rejected(rejection)
            refusal = REFUSALS[rejection]
            text = PlainTextResponse(f"{refusal.sentence}\n", refusal.status, refusal.headers)
            await text(scope, receive, answer)
        else:
            await self._work(scope, receive, answer)

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
        if scope["method"] not in _SAFE_METHODS and not _is_own_site(headers):
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

    async def _work(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        self._free -= 1
        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:  # the server stops and has waited long enough
            if not answer.started:
                await PlainTextResponse("This service is stopping.\n", 503)(scope, receive, answer)
        finally:
            self._free += 1


def _is_own_site(headers: Headers) -> bool:
    """Older browsers, and those that do not trust this address, send no Sec-Fetch-Site; all send Origin with a POST."""
    own = headers.get("sec-fetch-site", "none") in _OWN_SITE
    return own and is_own_origin(headers.get("origin"), headers.get("host"))


class _Answer:
    """Sends on what the page sends, with the headers that every answer carries."""

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
