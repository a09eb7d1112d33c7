"""The verdict on an incident of the replay: what is wrong is named, so that a green row means something."""

from __future__ import annotations

import dataclasses

import pytest

from e2e.replay.incident import Incident, page
from e2e.replay.messages import Message
from e2e.replay.record import Firing, Injection, judge_run

FACTOR = 20
NOTICE = page("RiverNoWorkers", 6, "No worker is left in orders")  # 18 s of a run
PAGE = Message(110, "pages", "RiverNoWorkers", "orders", False, "No worker is left in orders", "", "key")
FIRED = Firing(108, 0)
RESOLVED = dataclasses.replace(PAGE, at=170, resolved=True)


def problems(*messages: Message, firing: Firing = FIRED, may: tuple[str, ...] = ()) -> list[str]:
    incident = Incident(lambda _: iter([None]), "all workers are killed", 20, (NOTICE,), frozenset(may), False)
    injection = Injection(incident, began=99, injected=100, undone=160, over=300, firings=[firing])
    return judge_run([injection], sorted(messages, key=lambda m: m.at), FACTOR)[0].problems


def test_a_page_in_time_is_right() -> None:
    """One page, its words, its end after the end of the fault."""
    assert problems(PAGE, RESOLVED) == []


LATER = dataclasses.replace(PAGE, at=120)


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ((), "no message to pages: RiverNoWorkers"),
        ((dataclasses.replace(PAGE, at=130), RESOLVED), "12 s too late"),
        ((dataclasses.replace(PAGE, headline="Something"),), "the message lacks 'No worker is left in orders'"),
        ((PAGE, dataclasses.replace(LATER, key="another")), "2 pages"),
        ((PAGE, dataclasses.replace(RESOLVED, at=140)), "resolved while the fault lasted"),
        ((PAGE, dataclasses.replace(LATER, alert="RiverX")), "false message to pages: RiverX of orders"),
        ((PAGE, dataclasses.replace(LATER, river="media")), "false message to pages: RiverNoWorkers of media"),
        ((PAGE, dataclasses.replace(LATER, receiver="info")), "false message to info: RiverNoWorkers of orders"),
    ],
)
def test_what_is_wrong_is_named(messages: tuple[Message, ...], problem: str) -> None:
    """Missing, late, in other words, twice, ended too early, or beside the matter."""
    assert problems(*messages) == [problem]


def test_the_message_that_fits_is_judged() -> None:
    """Another tier's ticket of the same alert may come first. It does not stand for this one."""
    other = dataclasses.replace(PAGE, at=105, headline="Something")
    late = dataclasses.replace(PAGE, at=130)

    assert problems(other, PAGE, RESOLVED) == []
    assert problems(other, late, RESOLVED) == ["12 s too late"]


def test_an_alert_that_comes_and_goes_is_wrong() -> None:
    """Alertmanager may hide a gap; Prometheus shows it."""
    assert problems(PAGE, firing=Firing(108, 2)) == ["ended 2 times while the fault lasted"]


def test_an_alert_with_other_labels_is_wrong() -> None:
    """The same name with another cause is another alert."""
    assert problems(PAGE, firing=Firing(None, 0)) == ["no alert had the labels {}"]


def test_a_consequence_may_be_a_ticket_and_never_a_page() -> None:
    """What an incident names as its consequence must not wake anybody a second time."""
    consequence = dataclasses.replace(PAGE, at=120, alert="RiverKindFailing", receiver="tickets")

    assert problems(PAGE, consequence, may=("RiverKindFailing",)) == []
    paged = dataclasses.replace(consequence, receiver="pages")
    assert problems(PAGE, paged, may=("RiverKindFailing",)) == ["false message to pages: RiverKindFailing of orders"]
