"""The ASGI application: which path answers what."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from riverkeeper import __version__
from riverkeeper.service import Service
from riverkeeper.web.http.guard import Guard
from riverkeeper.web.http.hosts import Hosts
from riverkeeper.web.pages.failing import FailingPage
from riverkeeper.web.pages.front import FrontPage
from riverkeeper.web.pages.job import JobPage
from riverkeeper.web.pages.job_list import JobListPage
from riverkeeper.web.pages.metrics import MetricsPage
from riverkeeper.web.pages.rescues import RescuesPage
from riverkeeper.web.pages.running import RunningPage
from riverkeeper.web.pages.stuck import StuckPage
from riverkeeper.web.pages.templates import STATIC, Templates, static_file
from riverkeeper.web.pages.workers import WorkersPage
from riverkeeper.web.web_config.security import Security
from riverkeeper.web.webhook.endpoint import PATH as WEBHOOK
from riverkeeper.web.webhook.endpoint import Webhook

DOCS_URL = "https://github.com/riverkeeper/riverkeeper#readme"
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(
    service: Service,
    security: Security,
    *,
    hosts: Hosts | None = None,
    version: str = __version__,
    docs_url: str = DOCS_URL,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """Everything this service answers over HTTP; the guard is outermost, so that errors carry its headers too.

    `hosts`: what a request may name as its host; None for any.
    """
    templates = Templates(version, docs_url)
    lists: dict[str, JobListPage[Any]] = {
        "/stuck": StuckPage(service, templates),
        "/running": RunningPage(service, templates),
        "/workers": WorkersPage(service, templates),
        "/rescues": RescuesPage(service, templates),
        "/failing": FailingPage(service, templates),
    }
    job = JobPage(service, templates)
    routes = [
        Route("/", FrontPage(service, security, templates, clock).page),
        Route("/metrics", MetricsPage(service).metrics),
        *(Route(path, page.page) for path, page in lists.items()),
        *(Route(f"{path}.json", page.json) for path, page in lists.items()),
        Route("/jobs/{job_id}.json", job.json),
        Route("/jobs/{job_id}", job.page),
        Route("/-/healthy", _healthy),
        Route("/-/ready", _ready(service)),
        Route("/-/reload", _reload(service), methods=["POST"]),
        Route(WEBHOOK, Webhook(service)),
        *(Route(f"/static/{name}", _static(name)) for name in STATIC),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Guard(app, service, security, hosts)


async def _healthy(request: Request) -> Response:
    return PlainTextResponse(
        "Healthy: the process answers. river_up on /metrics is 1 while it can read the database.\n"
    )


def _ready(service: Service) -> Endpoint:
    async def ready(request: Request) -> Response:
        latest = service.latest()
        if latest is None:
            return PlainTextResponse("Not ready: the first scrape of the database has not ended yet.\n", 503)
        outcome = "could be read" if latest.up else "could not be read (river_up 0)"
        return PlainTextResponse(f"Ready: at the last scrape the database {outcome}.\n")

    return ready


def _reload(service: Service) -> Endpoint:
    async def reload(request: Request) -> Response:
        reason = await service.reload()
        if reason is None:
            return PlainTextResponse("The configuration is reloaded and in force.\n")
        return PlainTextResponse(f"The previous configuration stays in force: {reason}\n", 500)

    return reload


def _static(name: str) -> Endpoint:
    async def static(request: Request) -> Response:
        return static_file(name)

    return static
