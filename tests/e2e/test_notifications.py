"""The shipped receivers and templates in a real Alertmanager: what Slack, PagerDuty and a mail server receive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.receivers import PASSWORD, ROUTING_KEY, Json, MessageEnvironment, message_environment
from fixtures.waiting import until

BEGUN = datetime(2026, 11, 28, 2, 14, 5, tzinfo=UTC)
JOBS = "https://riverkeeper.example/stuck?queue=pay%26ship&kind=charge"
BOARD = "https://grafana.example/d/riverkeeper-rescue?var-job=orders&var-queue=pay%26ship"
RUNBOOK = "https://runbooks.example/RiverJobsStuck.md"
SUMMARY = "3 `charge<card>` jobs of orders are stuck & not restarted."
DESCRIPTION = "Their worker died. The page gives the reason for each."
LINKS = {"jobs_url": JOBS, "dashboard_url": BOARD, "runbook_url": RUNBOOK}


def alert(severity: str, river: str, number: int = 1, **annotations: str) -> Json:
    """As Prometheus sends it."""
    labels = {"alertname": "RiverJobsStuck", "job": river, "queue": "pay&ship", "kind": f"charge<card>{number}"}
    now = datetime.now(UTC)
    return {
        "labels": labels | {"tier": "urgent", "severity": severity},
        "annotations": {"summary": SUMMARY, "description": DESCRIPTION, **LINKS} | annotations,
        "startsAt": BEGUN.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }


def ended(firing: Json) -> Json:
    return firing | {"endsAt": datetime.now(UTC).isoformat()}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MessageEnvironment]:
    with message_environment(tmp_path_factory.mktemp("messages")) as environment:
        yield environment


def of_slack(messages: MessageEnvironment, river: str, count: int = 1) -> list[Json]:
    def found() -> list[Json] | None:
        attachments = [body["attachments"][0] for body in messages.received.sent_to("/slack")]
        mine = [each for each in attachments if f"River {river} " in each["footer"]]
        return mine if len(mine) >= count else None

    return until(found, f"{count} messages of {river} in Slack")


def of_pagerduty(messages: MessageEnvironment, river: str, action: str = "trigger") -> Json:
    def found() -> Json | None:
        sent = messages.received.sent_to("/pagerduty")
        return next((m for m in sent if m["payload"]["group"] == river and m["event_action"] == action), None)

    return until(found, f"{action} of {river} at PagerDuty")


def test_a_ticket_in_slack(messages: MessageEnvironment) -> None:
    """The title is what happened, and leads to the jobs; Slack's own signs are escaped; three links."""
    messages.fire(alert("warning", "slack"))
    (message,) = of_slack(messages, "slack")
    title = "3 `charge&lt;card&gt;` jobs of orders are stuck &amp; not restarted."

    assert message["title"] == message["fallback"] == title
    assert message["title_link"] == JOBS
    assert message["text"].splitlines() == [
        "_Firing since 02:14 UTC, 28 Nov._",
        DESCRIPTION,
        f"<{JOBS.replace('&', '&amp;')}|Jobs> · <{BOARD.replace('&', '&amp;')}|Dashboard> · <{RUNBOOK}|Runbook>",
    ]
    assert message["footer"] == "RiverJobsStuck · River slack · tier urgent · warning"
    assert message["color"] == "warning"


def test_a_page_in_pagerduty_and_in_slack(messages: MessageEnvironment) -> None:
    """The incident's title is what happened; its details say where; the key comes from its file."""
    firing = alert("critical", "pager")
    messages.fire(firing)
    page = of_pagerduty(messages, "pager")

    assert page["routing_key"] == ROUTING_KEY
    assert page["payload"]["summary"] == SUMMARY
    assert page["payload"]["severity"] == "critical"
    assert (page["payload"]["class"], page["payload"]["component"]) == ("RiverJobsStuck", "charge<card>1")
    assert page["payload"]["custom_details"]["firing"].splitlines() == [
        "Firing since 02:14 UTC, 28 Nov. River pager, queue pay&ship, kind charge<card>1, tier urgent.",
        DESCRIPTION,
    ]
    assert page["client_url"] == JOBS
    assert [(link["text"], link["href"]) for link in page["links"]] == [
        ("Jobs", JOBS),
        ("Runbook", RUNBOOK),
        ("Dashboard", BOARD),
    ]
    assert of_slack(messages, "pager")[0]["color"] == "danger"

    messages.fire(ended(firing))
    resolved = of_pagerduty(messages, "pager", "resolve")
    assert resolved["dedup_key"] == page["dedup_key"]
    assert resolved["payload"]["summary"] == f"Resolved: {SUMMARY}"
    done = of_slack(messages, "pager", 2)[1]
    assert (done["color"], done["title"].partition(":")[0]) == ("good", "Resolved")
    (when,) = done["text"].splitlines()
    assert when.startswith("_Resolved at ")


def test_information_by_mail(messages: MessageEnvironment) -> None:
    """The subject is what happened; text and HTML hold the same facts and links; names are escaped in HTML."""
    messages.fire(alert("info", "mail"))
    (mail,) = until(
        lambda: [each for each in messages.received.mails if "River mail" in parts(each)[0]], "a mail of the River"
    )
    text, page = parts(mail)

    assert messages.received.passwords[0] == PASSWORD
    assert mail["subject"] == SUMMARY
    assert text.splitlines()[0] == SUMMARY
    assert "Firing since 02:14 UTC, 28 Nov. River mail, queue pay&ship, kind charge<card>1, tier urgent." in text
    assert [line for line in text.splitlines() if "http" in line] == [
        f"Jobs: {JOBS}",
        f"Dashboard: {BOARD}",
        f"Runbook: {RUNBOOK}",
        next(line for line in text.splitlines() if line.startswith("All alerts: https://alertmanager.example")),
    ]
    assert "charge&lt;card&gt;" in page
    assert "<card>" not in page
    assert JOBS.replace("&", "&amp;") in page


def test_several_alerts_are_one_message(messages: MessageEnvironment) -> None:
    """The first one is the headline, with their number; each has its line and its links; of many five are shown."""
    messages.fire(*(alert("critical", "many", number, summary=f"Summary {number}.") for number in range(7)))
    page = of_pagerduty(messages, "many")
    (message,) = of_slack(messages, "many")

    assert page["payload"]["summary"] == "Summary 0. (1 of 7 alerts)"
    assert page["payload"]["custom_details"]["firing"].count("Summary ") == 7
    assert message["title"] == "Summary 0. (1 of 7 alerts)"
    assert message["text"].count("*Summary ") == message["text"].count("|Runbook>") == 5
    assert "Only 5 of 7 alerts are shown." in message["text"]


def test_without_addresses_only_the_runbook_is_linked(messages: MessageEnvironment) -> None:
    """As the committed rules are: no empty link, no link to nowhere."""
    firing = alert("critical", "bare")
    del firing["annotations"]["jobs_url"], firing["annotations"]["dashboard_url"]
    messages.fire(firing)
    (message,) = of_slack(messages, "bare")
    page = of_pagerduty(messages, "bare")

    assert message["text"].splitlines()[-1] == f"<{RUNBOOK}|Runbook>"
    assert message["title_link"] == page["client_url"] == RUNBOOK
    assert [link["text"] for link in page["links"]] == ["Runbook"]


def test_a_link_is_called_what_it_leads_to(messages: MessageEnvironment) -> None:
    """Not every page of Riverkeeper is a list of jobs."""
    messages.fire(alert("critical", "front", jobs_url="https://riverkeeper.example/"))
    (message,) = of_slack(messages, "front")

    assert "<https://riverkeeper.example/|Riverkeeper> · " in message["text"]
    assert of_pagerduty(messages, "front")["links"][0]["text"] == "Riverkeeper"


def test_the_watchdog_pings_the_switch_once_for_all_rivers(messages: MessageEnvironment) -> None:
    """And the rescuer for each River; people receive nothing."""
    watchdogs = [alert("none", river) for river in ("north", "south")]
    for each in watchdogs:
        each["labels"]["alertname"] = "RiverWatchdog"
    messages.fire(*watchdogs)
    until(lambda: len(messages.received.sent_to("/webhook/alertmanager")) >= 2, "the webhook to be called")
    (ping, *_) = until(lambda: messages.received.sent_to("/ping"), "the switch to be pinged")

    assert {each["labels"]["job"] for each in ping["alerts"]} == {"north", "south"}
    assert not [m for m in messages.received.sent_to("/slack") if "north" in str(m)]
    assert not [m for m in messages.received.sent_to("/pagerduty") if "north" in str(m)]


def parts(mail: Any) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    return text.get_content(), page.get_content()
