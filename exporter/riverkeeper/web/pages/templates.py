"""Templates and static files of the pages, read from the package."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from riverkeeper import formats

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "refresh.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_DAY = {"Cache-Control": "max-age=86400"}  # the pages' links name the version, so a new one is fetched at once


class Templates:
    """Renders templates; every value is escaped."""

    def __init__(self, version: str, docs_url: str) -> None:
        self._environment = Environment(
            loader=PackageLoader("riverkeeper.web", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"version": version, "docs_url": docs_url}
        self._environment.filters |= {"span": formats.span, "moment": formats.moment, "count": formats.count}

    def html(self, template: str, status: int = 200, **facts: object) -> HTMLResponse:
        """Renders a template of `pages/`. `root` of `facts`: the way to the front page, for a page in a folder."""
        return HTMLResponse(self._environment.get_template(template).render({"root": ""} | facts), status)


def static_file(name: str) -> Response:
    """A file of `pages/static/`, which the browser may cache for a day."""
    content = resources.files("riverkeeper.web").joinpath("pages", "static", name).read_bytes()
    return Response(content, media_type=STATIC[name], headers=_DAY)
