"""POST /webhook/alertmanager: an alert wakes the rescuer. River's table decides what is rescued."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from riverkeeper.metrics.catalogue.process import Rejection
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.wakes.wake import AlertStatus
from riverkeeper.service import Service
from riverkeeper.web.errors import WebError
from riverkeeper.web.webhook.alertmanager import AlertMessage, BadMessage, read_message
from riverkeeper.web.webhook.token import BearerToken

PATH = "/webhook/alertmanager"
BODY_SECONDS = 10.0  # to send a message; Alertmanager itself waits 10 s or longer
BODIES = 8  # held in memory at once, each of at most webhook.max_body
MESSAGES = 32  # in flight at once, those that wait to send their body included; far below the guard's AT_WORK
_CLOSE = {"Connection": "close"}  # the rest of a body that is not read must not be taken for the next request

_log = structlog.get_logger("riverkeeper.web")


class Webhook:
    """ASGI application at PATH. 202: the calls are stored. 503: Alertmanager retries."""

    def __init__(self, service: Service, seconds: float = BODY_SECONDS) -> None:
        self._service = service
        self._seconds = seconds
        self._token = BearerToken()
        self._logged = ""
        self._room = asyncio.Semaphore(BODIES)
        self._free = MESSAGES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = self._reject(request) or await self._answer_in_turn(request)
        await answer(scope, receive, send)

    def _reject(self, request: Request) -> PlainTextResponse | None:
        """Before a byte of the body is read."""
        file = self._service.webhook().token_file
        if file is None:
            return PlainTextResponse("Not Found", 404, _CLOSE)
        if request.method != "POST":
            return PlainTextResponse("Method Not Allowed", 405, {"Allow": "POST", **_CLOSE})
        header = request.headers.get("authorization")
        try:
            if self._token.matches(header, file):
                return None
        except WebError as error:
            self._log_once(str(error))
            return PlainTextResponse(
                "Riverkeeper cannot read the token of its webhook. The reason is in its log.\n", 503, _CLOSE
            )
        self._service.count_rejected(Rejection.WRONG_CREDENTIALS if header else Rejection.NO_CREDENTIALS)
        headers = {"WWW-Authenticate": 'Bearer realm="riverkeeper webhook"', **_CLOSE}
        return PlainTextResponse("This webhook needs its bearer token; yours is missing or wrong.\n", 401, headers)

    def _log_once(self, problem: str) -> None:
        """Log a problem once: anybody can send requests, and a line for each would flood the log."""
        if problem != self._logged:
            self._logged = problem
            _log.error("the webhook rejects every message: its token cannot be read", reason=problem)

    async def _answer_in_turn(self, request: Request) -> PlainTextResponse:
        if self._free <= 0:
            self._service.count_rejected(Rejection.BUSY)
            return PlainTextResponse("Too many messages at once. Send this one again.\n", 503, _CLOSE)
        self._free -= 1
        try:
            return await self._answer(request)
        finally:
            self._free += 1

    async def _answer(self, request: Request) -> PlainTextResponse:
        try:
            message = await self._message(request)
            woken = await self._store(message)
        except BadMessage as error:
            _log.warning("alert message refused", status=error.status, reason=str(error))
            return PlainTextResponse(f"Refused: {error}.\n", error.status, _CLOSE)
        except DatabaseError as error:
            _log.error("alert message not stored, Alertmanager sends it again", reason=str(error))
            return PlainTextResponse(f"Not stored, send it again: {error}\n", 503)
        return self._accept(message, woken)

    async def _message(self, request: Request) -> AlertMessage:
        try:
            async with asyncio.timeout(self._seconds), self._room:
                body = await _body(request, self._service.webhook().max_body)
                return await asyncio.to_thread(read_message, body, self._service.policy().tiers)
        except TimeoutError:
            raise BadMessage(408, f"the whole message did not arrive within {self._seconds:.0f} s") from None
        except ClientDisconnect:
            raise BadMessage(400, "the sender closed the connection before the message was complete") from None

    async def _store(self, message: AlertMessage) -> int:
        """How many calls wake. A message without calls costs no query."""
        return await self._service.receive(message.calls) if message.calls else 0

    def _accept(self, message: AlertMessage, woken: int) -> PlainTextResponse:
        counts: Counter[str] = Counter(message.counts)
        counts[AlertStatus.FIRING] += woken
        counts[AlertStatus.EXPIRED] += len(message.calls) - woken
        self._service.count_alerts(counts)
        if woken:
            self._service.wake()
        stored = ", ".join(f"{count} {status}" for status, count in sorted((+counts).items()))
        _log.info("alert message stored", alerts=stored or "none")
        return PlainTextResponse(f"Stored: {stored or 'nothing'}.\n", 202)


async def _body(request: Request, most: int) -> bytes:
    """Raises BadMessage 413 as soon as the body is too long, whatever its Content-Length is."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise BadMessage(413, f"the message is longer than {most} bytes (webhook.max_body)")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise BadMessage(413, f"the message is longer than {most} bytes (webhook.max_body)")
    return bytes(body)
