"""POST /webhook/alertmanager: an alert wakes the rescuer. What is then done, the table decides."""

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
from riverkeeper.web.http.errors import WebError
from riverkeeper.web.webhook.alertmanager import BadMessage, Message, read_message
from riverkeeper.web.webhook.token import Token

PATH = "/webhook/alertmanager"
BODY_SECONDS = 10.0  # to send a message; shorter than Alertmanager's patience, which is at least 10 s
BODIES = 8  # held in memory at once, each of at most webhook.max_body
MESSAGES = 32  # at work at once, those that wait for their body's turn included; far below the guard's AT_WORK
_CLOSE = {"Connection": "close"}  # the rest of a body that is not read must not be taken for the next request

_log = structlog.get_logger("riverkeeper.web")


class Webhook:
    """ASGI application at PATH. 202 only for what is stored; 503 where Alertmanager is to try again."""

    def __init__(self, service: Service, seconds: float = BODY_SECONDS) -> None:
        self._service = service
        self._seconds = seconds
        self._token = Token()
        self._told = ""
        self._room = asyncio.Semaphore(BODIES)
        self._free = MESSAGES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = self._refused(request) or await self._in_turn(request)
        await answer(scope, receive, send)

    def _refused(self, request: Request) -> PlainTextResponse | None:
        """Before a byte of the body is read."""
        file = self._service.webhook().token_file
        if file is None:
            return PlainTextResponse("Not Found", 404, _CLOSE)
        if request.method != "POST":
            return PlainTextResponse("Method Not Allowed", 405, {"Allow": "POST", **_CLOSE})
        header = request.headers.get("authorization")
        try:
            if self._token.is_brought_by(header, file):
                return None
        except WebError as error:
            self._tell_once(str(error))
            return PlainTextResponse("The webhook's token cannot be read; its log says why.\n", 503, _CLOSE)
        self._service.count_rejected(Rejection.WRONG_CREDENTIALS if header else Rejection.NO_CREDENTIALS)
        headers = {"WWW-Authenticate": 'Bearer realm="riverkeeper webhook"', **_CLOSE}
        return PlainTextResponse("The webhook's bearer token is needed.\n", 401, headers)

    def _tell_once(self, problem: str) -> None:
        """Anybody may knock: a line for each would be a flood on demand."""
        if problem != self._told:
            self._told = problem
            _log.error("the webhook has no token, and lets nobody in", reason=problem)

    async def _in_turn(self, request: Request) -> PlainTextResponse:
        if self._free <= 0:
            self._service.count_rejected(Rejection.BUSY)
            return PlainTextResponse("Too many messages at once, send it again.\n", 503, _CLOSE)
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
            _log.warning("message of Alertmanager refused", status=error.status, reason=str(error))
            return PlainTextResponse(f"Refused: {error}.\n", error.status, _CLOSE)
        except DatabaseError as error:
            _log.error("message of Alertmanager not stored, it will be sent again", reason=str(error))
            return PlainTextResponse(f"Not stored, send it again: {error}\n", 503)
        return self._taken(message, woken)

    async def _message(self, request: Request) -> Message:
        try:
            async with asyncio.timeout(self._seconds), self._room:
                body = await _body(request, self._service.webhook().max_body)
                return await asyncio.to_thread(read_message, body, self._service.policy().tiers)
        except TimeoutError:
            raise BadMessage(408, f"the message did not come within {self._seconds:.0f} s") from None
        except ClientDisconnect:
            raise BadMessage(400, "the sender hung up") from None

    async def _store(self, message: Message) -> int:
        """How many calls wake; nothing to store asks nothing of the database."""
        return await self._service.receive(message.calls) if message.calls else 0

    def _taken(self, message: Message, woken: int) -> PlainTextResponse:
        counts: Counter[str] = Counter(message.counts)
        counts[AlertStatus.FIRING] += woken
        counts[AlertStatus.EXPIRED] += len(message.calls) - woken
        self._service.count_alerts(counts)
        if woken:
            self._service.wake()
        stored = ", ".join(f"{count} {status}" for status, count in sorted((+counts).items()))
        _log.info("message of Alertmanager stored", alerts=stored or "none")
        return PlainTextResponse(f"Stored: {stored or 'nothing'}.\n", 202)


async def _body(request: Request, most: int) -> bytes:
    """Raises BadMessage 413 as soon as it is too long, whatever its head announced."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise BadMessage(413, f"longer than {most} bytes")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise BadMessage(413, f"longer than {most} bytes")
    return bytes(body)
