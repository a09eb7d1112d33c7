"""Filters of the pages: a name that does not exist is refused, and those that exist are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.offenders import for_each
from fixtures.stuck_jobs import LOST, reading
from fixtures.web import UP, FakeService, app_of, ask
from riverkeeper.ledger.names import Names
from riverkeeper.river.known_names import KnownNames

NAMES = KnownNames(frozenset({"default", "mail"}), frozenset({f"kind_{number:02}" for number in range(25)}))
PAGES = ("/stuck", "/failing", "/rescues")
JUDGED = reading()


@for_each("path", PAGES)
def test_an_unknown_kind_is_no_all_clear(path: str) -> None:
    """404 in both forms, with the name that was meant and some that exist; of a long list the rest is counted."""
    page, answer = (
        ask(app_of(FakeService(reading=JUDGED, names=NAMES)), f"{path}{form}?kind=kind_7") for form in ("", ".json")
    )

    assert (page.status_code, answer.status_code) == (404, 404)
    assert answer.json()["error"].startswith('no job of kind "kind_7" is in the table; did you mean "kind_')
    assert answer.json()["error"].endswith("kind_08, kind_09 and 15 more")
    assert "is in the table; did you mean" in page.text
    assert "No running job is stuck" not in page.text


@for_each("path", PAGES)
def test_an_unknown_queue_is_no_all_clear(path: str) -> None:
    """The same for queues."""
    answer = ask(app_of(FakeService(reading=JUDGED, names=NAMES)), f"{path}.json?queue=mial")

    assert answer.status_code == 404
    assert answer.json()["error"] == 'there is no queue "mial"; did you mean "mail"? There are: default, mail'


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("tier=urgnt", 'there is no tier "urgnt" in this configuration; did you mean "urgent"? There are: '),
        ("reason=worker_lots", 'there is no reason "worker_lots"; did you mean "worker_lost"? There are: abandoned, '),
    ],
)
@pytest.mark.parametrize("path", ["/stuck", "/rescues"])
def test_an_unknown_tier_or_reason_is_no_all_clear(path: str, query: str, error: str) -> None:
    """400, with the tiers of the configuration, or the reasons that exist."""
    answer = ask(app_of(FakeService(reading=JUDGED)), f"{path}.json?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)


def test_a_reason_that_is_never_rescued_is_none_of_a_rescue() -> None:
    """Suspected jobs are on /stuck only."""
    statuses = [ask(app_of(FakeService(reading=JUDGED)), f"{path}?reason=path_unverified").status_code
                for path in ("/stuck", "/rescues")]  # fmt: skip

    assert statuses == [200, 400]


def test_the_name_of_folded_kinds_is_explained() -> None:
    """Metrics have kind="other" for the kinds beyond collect.max_pairs; no job has it."""
    answer = ask(app_of(FakeService(reading=JUDGED, names=NAMES)), "/failing.json?kind=other")

    assert "stands for all names beyond collect.max_pairs" in answer.json()["error"]


def test_names_are_read_only_where_nothing_shows_them() -> None:
    """A page that found a job, and /stuck of a kind that the scrape has seen, send no query more."""
    counted = replace(JUDGED, names=Names({"night": 0.0}, {("night", "report"): 0.0}))
    for reading_, path in (
        (reading(LOST), "/stuck?kind=send&queue=mail"),
        (JUDGED, "/stuck?kind=send_email&queue=default"),
        (JUDGED, "/stuck?queue=bulk"),
        (counted, "/stuck?kind=report&queue=night"),
        (UP, "/failing"),
    ):
        service = FakeService(reading=reading_)
        ask(app_of(service), path)
        assert service.names_requests == [], path

    service = FakeService(reading=JUDGED)
    ask(app_of(service), "/stuck?kind=unseen")
    assert service.names_requests == [(None, "unseen")]
