"""Which addresses exist, which methods they take, and what every answer carries."""

from __future__ import annotations

import pytest

from fixtures.offenders import for_each
from fixtures.web import DOWN, FakeService, app_of, ask

PAGES = [
    "/",
    "/metrics",
    "/failing",
    "/failing.json",
    "/running",
    "/running.json",
    "/rescues",
    "/rescues.json",
    "/-/healthy",
    "/-/ready",
    "/static/style.css",
    "/static/refresh.js",
]


@for_each("path", PAGES)
@for_each("method", ["GET", "HEAD"])
def test_pages_answer_get_and_head(path: str, method: str) -> None:
    """Everything that can be read can be read with GET and HEAD."""
    assert ask(app_of(FakeService()), path, method).status_code == 200


@for_each("path", PAGES)
@for_each("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_learn_what_is_allowed(path: str, method: str) -> None:
    """405 names the methods that are allowed."""
    answer = ask(app_of(FakeService()), path, method)

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path", ["/metrics/", "/failing/", "/-/healthy/", "/wp-admin", "/static/", "/static/../app.py", "/%2Fmetrics", "/x"]
)
def test_everything_else_is_not_found(path: str) -> None:
    """No address is guessed and nobody is redirected: a scraper with a wrong path must notice."""
    assert ask(app_of(FakeService()), path).status_code == 404


def test_healthy_needs_nothing() -> None:
    """Liveness is about this process; a database that is down must not restart it."""
    answer = ask(app_of(FakeService(reading=DOWN, last=None)), "/-/healthy")

    assert answer.status_code == 200


def test_ready_after_the_first_attempt() -> None:
    """Ready means that one scrape has ended, also a failed one; the body names which."""
    before = ask(app_of(FakeService(last=None)), "/-/ready")
    in_vain = ask(app_of(FakeService(last=DOWN)), "/-/ready")
    after = ask(app_of(FakeService()), "/-/ready")

    assert (before.status_code, before.text) == (
        503,
        "Not ready: the first scrape of the database has not ended yet.\n",
    )
    assert (
        in_vain.status_code,
        in_vain.text,
    ) == (200, "Ready: at the last scrape the database could not be read (river_up 0).\n")
    assert (after.status_code, after.text) == (200, "Ready: at the last scrape the database could be read.\n")


def test_reload_reports_its_result() -> None:
    """POST reloads; a file that cannot be used is a 500 with the reason, and the old one stays."""
    good, bad = FakeService(), FakeService(reload_reason="riverkeeper.yml: line 3: unknown key")

    taken, refused = (ask(app_of(service), "/-/reload", "POST") for service in (good, bad))

    assert (taken.status_code, good.reloads) == (200, 1)
    assert refused.status_code == 500
    assert "line 3: unknown key" in refused.text


def test_reload_is_never_a_get() -> None:
    """A link that is followed or a page that is prefetched changes nothing."""
    service = FakeService()

    answer = ask(app_of(service), "/-/reload")

    assert (answer.status_code, answer.headers["allow"], service.reloads) == (405, "POST", 0)


@for_each("path", [*PAGES, "/nowhere"])
def test_every_answer_is_locked_down(path: str) -> None:
    """No answer may be sniffed into another type, framed, run a foreign script or tell other sites where one was."""
    headers = ask(app_of(FakeService()), path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_an_internal_error_shows_nothing() -> None:
    """A bug answers 500 without a trace, and with the same headers."""
    service = FakeService()
    service.reading = None  # type: ignore[assignment]

    answer = ask(app_of(service), "/")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_are_not_kept_and_files_are() -> None:
    """What changes is never cached; what belongs to a version is, under an address that names it."""
    app = app_of(FakeService())

    assert ask(app, "/").headers["cache-control"] == "no-store"
    assert ask(app, "/static/style.css").headers["cache-control"] == "max-age=86400"
    assert 'href="static/style.css?1.2.3"' in ask(app, "/").text
    assert 'src="static/refresh.js?1.2.3"' in ask(app, "/").text
