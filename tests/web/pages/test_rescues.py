"""/rescues: the audit for people and for scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from fixtures.stuck_jobs import RESCUE
from fixtures.web import NOW, FakeService, app_of, ask
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.audit.history import AuditRecord, RescueHistory, ResumedCheckpoint
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.verdict.stack import JobStack
from riverkeeper.web.pages.rescues import RescuesPage
from riverkeeper.web.pages.templates import Templates

SCRIPT = "<script>alert(1)</script>\"'"


def service(*rows: AuditRecord) -> FakeService:
    return FakeService(audit=RescueHistory(rows, NOW))


def text(*rows: AuditRecord) -> str:
    answer = ask(app_of(service(*rows)), "/rescues")
    assert answer.status_code == 200
    return answer.text


def test_a_rescue_is_shown_in_full() -> None:
    """When, which job, why, by which limit, what was done, who woke the rescuer, and what is known of the worker."""
    shown = text(RESCUE)

    for fact in ("30 s ago", "41", "send", "mail", "standard", "worker_lost", "47.0 s, limit 35 s (tier standard)",
                 "retry → available, next attempt after 10 s", "supervisor", "is not known yet"):  # fmt: skip
        assert fact in shown
    assert "dry run:" not in shown


def test_where_a_job_hung_is_kept_with_its_rescue() -> None:
    """A week later an operator still finds the line of code; what a worker sent stays text."""
    stack = JobStack(
        f"net/http.(*Transport).roundTrip\t/go/src/net/http/transport.go:640\n{SCRIPT}\tbilling.py:88", NOW
    )
    shown = text(replace(RESCUE, reason="hung", stack=stack))
    document = ask(app_of(service(replace(RESCUE, stack=stack), RESCUE)), "/rescues.json").json()

    assert "It hung in <strong>net/http.(*Transport).roundTrip ← " in shown
    assert SCRIPT not in shown
    assert document["rescues"][0]["stack"]["text"] == stack.text
    assert document["rescues"][1]["stack"] is None


def test_a_rescue_shows_how_far_the_work_was_and_where_it_went_on() -> None:
    """What the rescue cost, long after the job has completed and its checkpoint is deleted."""
    rescue = replace(
        RESCUE,
        evidence={**RESCUE.evidence, "progress": 0.73, "beat_at": NOW - 60},
        resumed=ResumedCheckpoint(RESCUE.attempt, 17, NOW - 63, NOW - 20),
    )
    (document,) = ask(app_of(service(rescue)), "/rescues.json").json()["rescues"]

    assert "rescued at 73%, resumed from checkpoint 17, saved 3.0 s before its last heartbeat" in text(rescue)
    assert (document["resumed"]["attempt"], document["resumed"]["number"]) == (RESCUE.attempt, 17)
    assert document["resumed"]["saved_at"].endswith("Z")
    assert ask(app_of(service(RESCUE)), "/rescues.json").json()["rescues"][0]["resumed"] is None


def test_dry_runs_are_marked() -> None:
    """Nobody may take a dry run for a rescue."""
    assert "dry run:" in text(replace(RESCUE, dry_run=True, state_after=None))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"old_worker": "silent", "closed_at": NOW}, "was not seen again"),
        ({"old_worker": "silent", "reason": "hung", "closed_at": NOW}, "did not report the end of its work"),
        ({"old_worker": "beat"}, "its process beat afterwards"),
        ({"old_worker": "beat", "was_false": True}, '<strong class="alive">was alive: it beat afterwards</strong>'),
        (
            {"old_worker": "finished", "old_outcome": "completed", "was_false": True},
            "was alive: it ended the work afterwards (completed)",
        ),
        ({"closed_at": NOW}, "cannot be known: it does not beat"),
        ({"action": "stop", "state_after": None, "scheduled_at": None}, "stop requested"),
        ({"action": "discard", "state_after": "discarded", "scheduled_at": None}, "discard → discarded"),
        ({"evidence": {"value": "x", "limit_seconds": True}}, "worker_lost"),
    ],
)
def test_the_outcome_is_shown(changes: dict[str, object], shown: str) -> None:
    """A late finish stands out; what cannot be known is not called right."""
    assert shown in text(replace(RESCUE, **changes))  # type: ignore[arg-type]


def test_the_filters_reach_the_database() -> None:
    """Labels of alerts, a job, and how many."""
    fake = service()
    ask(app_of(fake), "/rescues?queue=mail&kind=send&tier=urgent&reason=hung&job=41&limit=7&severity=page")
    ask(app_of(fake), "/rescues.json")

    assert fake.audit_questions == [(Scope("mail", "send", "urgent", "hung"), 7, 41), (Scope(), 50, None)]


def test_json_holds_the_same() -> None:
    """Stable keys; the evidence as it was written."""
    (rescue,) = ask(app_of(service(RESCUE)), "/rescues.json").json()["rescues"]

    assert (rescue["job_id"], rescue["dry_run"], rescue["was_false"]) == (41, False, None)
    assert rescue["evidence"]["limit_origin"] == "tier standard"
    assert rescue["at"].endswith("Z")


def test_everything_in_a_row_is_inert() -> None:
    """The audit holds what users and clients wrote."""
    shown = text(
        replace(
            RESCUE, kind=SCRIPT, queue=SCRIPT, tier=SCRIPT, reason=SCRIPT, action=SCRIPT, woken_by=SCRIPT,
            old_worker="finished", old_outcome=SCRIPT, state_after=SCRIPT,
            evidence={**RESCUE.evidence, "limit_origin": SCRIPT},
        )
    )  # fmt: skip

    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 9


def test_an_empty_page_names_the_filters() -> None:
    """An empty list names what was searched for."""
    assert "The audit has no rescue." in text()
    page = ask(app_of(service()), "/rescues?queue=mail&job=7").text
    assert "The audit has no rescue with queue “mail” of job 7." in page


def test_an_audit_that_cannot_be_read_is_shown_with_a_fix() -> None:
    """503 with the reason and what to do; a database that hangs is not waited for."""
    gone = FakeService(audit=DatabaseError(ErrorKind.NO_KEEPER, "keeper schema <b> is not installed"))
    html, json = (ask(app_of(gone), path) for path in ("/rescues", "/rescues.json"))
    hanging = FakeService(hangs=True)
    app = Starlette(routes=[Route("/rescues", RescuesPage(hanging, Templates("1", "docs"), seconds=0.01).page)])

    assert (html.status_code, json.status_code, ask(app, "/rescues").status_code) == (503, 503, 503)
    assert "riverkeeper schema install" in html.text
    assert "<b>" not in html.text
