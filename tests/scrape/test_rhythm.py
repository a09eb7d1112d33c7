"""How often producers refresh the row of their queue is learned, and only where that is often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.scrape import SETTINGS, page_of, reader
from riverkeeper.postgres.connection import Session
from riverkeeper.river.facts import Queue
from riverkeeper.scrape.rhythm import DEFAULT_SECONDS, QueueRhythms

BEGIN = 1_700_000_000.0
SCRAPE = 15.0  # seconds between two scrapes


def watch(refreshes: list[float], until: float, *, skew: float = 0.0, scrape: float = SCRAPE) -> float | None:
    """The limit after scrapes until then, of a row that was refreshed at these seconds, by a clock that is off."""
    rhythms, now = QueueRhythms(), 0.0
    limit: float | None = None
    while now <= until:
        last = max((at for at in refreshes if at <= now), default=-7200.0)
        limit = rhythms.observe([Queue("default", False, BEGIN + last + skew)], BEGIN + now).get("default")
        now += scrape
    return limit


def every(seconds: float, until: float, first: float = 0.0) -> list[float]:
    return [first + seconds * number for number in range(int((until - first) / seconds) + 1)]


def test_a_rhythm_of_thirty_seconds_is_missed_after_three() -> None:
    """Rust and JavaScript: three of their gaps, and at most one scrape more."""
    limit = watch(every(30, 600), 600)
    assert limit is not None
    assert 90 <= limit <= 90 + SCRAPE


def test_ten_minutes_are_as_before() -> None:
    """River for Go: no rhythm is learned from one client, nor from three, whose refreshes come more often."""
    assert watch(every(600, 7200), 7200) is None
    assert watch([*every(600, 7200), *every(600, 7200, 100), *every(600, 7200, 250)], 7200) is None


@given(
    st.integers(0, 29),
    st.integers(150, 400),
)
def test_a_client_of_go_beside_quick_ones_ends_the_rhythm_when_it_is_alone(phase: int, ends: int) -> None:
    """Its next refresh comes after a longer gap, and from then on the limit is that of River for Go again."""
    quick, slow = every(30, ends, phase), every(600, 4800, 600)
    assert watch([*quick, *slow], ends + 30) is not None
    assert watch([*quick, *slow], 1900) is None


def test_a_rhythm_is_known_after_three_refreshes() -> None:
    """A start, a pause and a resume are one each."""
    assert watch(every(30, 600), 60) is None
    assert watch(every(30, 600), 120) is not None


def test_a_start_after_hours_is_no_gap() -> None:
    """There was no producer before. Else the first refresh would end every rhythm for 25 minutes."""
    assert watch(every(30, 600, 60), 300) is not None


def test_a_rhythm_is_kept_until_the_row_is_past_every_limit() -> None:
    """A queue that lost its producers keeps the limit by which they are missed. Then 25 minutes hold."""
    gone = every(30, 600)
    assert watch(gone, 600 + DEFAULT_SECONDS - 100) == watch(gone, 600)
    assert watch(gone, 600 + DEFAULT_SECONDS + SCRAPE) is None


def test_a_slow_client_that_is_replaced_by_a_quick_one_is_forgotten() -> None:
    """After the longest gap that one of Go leaves, twice and a half."""
    replaced = [*every(600, 1800), *every(30, 7200, 2400)]
    assert watch(replaced, 3000) is None
    assert watch(replaced, 2400 + DEFAULT_SECONDS + SCRAPE) is not None


@pytest.mark.parametrize("skew", [-300, -60, 60, 300])
def test_a_row_that_another_clock_dates_has_its_skew_in_the_limit(skew: int) -> None:
    """Ruby writes its worker's clock. The age of the row is off by as much, so that three missed ones stay three."""
    limit, right = watch(every(30, 600), 600, skew=skew), watch(every(30, 600), 600)
    assert limit is not None
    assert right is not None
    assert limit == pytest.approx(right - skew)


def test_scrapes_that_come_seldom_learn_what_they_see() -> None:
    """Once a minute: each sees two refreshes of 30 s as one. No limit is later than that of River for Go."""
    limit = watch(every(30, 3600), 3600, scrape=60)
    assert limit is not None
    assert 120 <= limit <= DEFAULT_SECONDS
    assert watch(every(30, 36000), 36000, scrape=600) is None


def test_queues_keep_their_rhythms_apart() -> None:
    """A queue whose row is gone is forgotten."""
    rhythms = QueueRhythms()
    for number in range(5):
        at = BEGIN + 30 * number
        found = rhythms.observe([Queue("quick", False, at), Queue("slow", False, BEGIN)], at)
    assert found.keys() == {"quick"}
    assert rhythms.observe([Queue("slow", False, BEGIN)], BEGIN + 200) == {}
    assert rhythms.observe([Queue("quick", False, BEGIN + 210)], BEGIN + 210) == {}


def test_the_limit_is_on_the_page_once_it_is_learned(river_url: str) -> None:
    """Scrapes read the row; none of them asks for more."""
    with Session(river_url) as sql, reader(river_url, SETTINGS) as exporter:
        sql.execute("INSERT INTO river_queue (name, updated_at) VALUES ('quick', now() - interval '100 s')")
        for _ in range(4):
            page = page_of(exporter.read())
            sql.execute("UPDATE river_queue SET updated_at = updated_at + interval '30 s'")
        assert page.value("riverkeeper_queue_refresh_limit_seconds", queue="quick") is not None
        assert page_of(exporter.read()).value("river_queue_updated_timestamp_seconds", queue="quick") is not None
