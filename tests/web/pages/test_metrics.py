"""/metrics: deadlines, negotiation, compression, and what a database that is down looks like."""

from __future__ import annotations

import gzip
import threading

import pytest

from fixtures.web import DOWN, FakeService, app_of, ask
from riverkeeper.web.pages.metrics import accepts_gzip, time_limit


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 9.5),
        ("", 9.5),
        ("10", 9.5),
        ("15.000000", 14.5),
        ("1", 0.5),
        ("0.4", 0.2),
        ("garbage", 9.5),
        ("0", 9.5),
        ("-3", 9.5),
        ("nan", 9.5),
        ("inf", 9.5),
        ("1e30", 300.0),
        ("10, 20", 9.5),
    ],
)
def test_deadline_follows_the_scraper(header: str | None, seconds: float) -> None:
    """A scrape takes the header's time less half a second, but at least half; nonsense counts as no header."""
    assert seconds == time_limit(header)


def test_the_timeout_header_reaches_the_scrape() -> None:
    """The time Prometheus gives is the time the database gets."""
    service = FakeService()

    ask(app_of(service), "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "3"})

    assert service.deadlines == [2.5]


def test_negotiation_and_names_are_the_expositions() -> None:
    """Accept and name[] go to the exposition as they came; its content type comes back unchanged."""
    service = FakeService()

    answer = ask(app_of(service), "/metrics?name[]=river_up&name[]=river_jobs", headers={"Accept": "text/plain"})

    assert [(service.reading, "text/plain", frozenset({"river_up", "river_jobs"}))] == service.expositions
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"


def test_exposition_leaves_the_event_loop_alone() -> None:
    """Making the page takes tens of milliseconds, in which /-/healthy must still answer: a thread does it."""
    service = FakeService()

    ask(app_of(service), "/metrics")

    assert threading.get_ident() not in service.exposition_threads


def test_compressed_where_wanted() -> None:
    """gzip is sent to those who ask for it, and only to them."""
    app = app_of(FakeService())

    packed = ask(app, "/metrics", headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
    plain = ask(app, "/metrics", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text == "river_up 1\n"
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(b"river_up 1\n", 4, mtime=0)) == int(packed.headers["content-length"])


@pytest.mark.parametrize("refused", ["", "br", "gzip;q=0", "gzip; q=0.000", "x-gzip-not"])
def test_a_weight_of_zero_is_a_no(refused: str) -> None:
    """RFC 9110: a coding with weight 0 is not acceptable."""
    assert not accepts_gzip(refused)


def test_a_database_that_is_down_is_an_answer() -> None:
    """200 with river_up 0: a failed scrape would hide everything else and reset alerts."""
    answer = ask(app_of(FakeService(reading=DOWN)), "/metrics")

    assert (answer.status_code, answer.text) == (200, "river_up 0\n")


def test_head_is_allowed() -> None:
    """`wget --spider` and load balancers ask with HEAD."""
    assert ask(app_of(FakeService()), "/metrics", method="HEAD").status_code == 200
