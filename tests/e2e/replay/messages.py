"""The messages that people received, from what the servers in the place of PagerDuty, Slack and the mail server got."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the verdict is tested where no mail server is
    from e2e.receivers import Json, Received

_FOOTER = re.compile(r"(?P<alert>\w+) · River (?P<river>[\w-]+)(?: · tier (?P<tier>\w+))? · (?P<severity>\w+)")
_MAIL = re.compile(r"Alert: +(?P<alert>\w+), severity \w+")
_MAIL_RIVER = re.compile(r"River (?P<river>[\w-]+)[,.]")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to people."""

    at: float
    receiver: str  # pages, tickets or info
    alert: str
    river: str
    resolved: bool
    headline: str  # all that a phone shows
    text: str
    key: str = ""  # of a page: the incident that PagerDuty adds it to


def read_messages(received: Received) -> list[Message]:
    """All messages so far, in the order in which they came. A page is also shown in Slack, which is not counted."""
    requests = list(zip(received.request_times, list(received.requests), strict=False))
    found = [_page(at, body) for at, (path, body) in requests if path == "/pagerduty"]
    found += [each for at, (path, body) in requests if path == "/slack" and (each := _ticket(at, body))]
    for at, mail in zip(received.mail_times, list(received.mails), strict=False):
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        alert, river = _MAIL.search(text), _MAIL_RIVER.search(text)
        assert alert, text
        assert river, text
        found.append(Message(at, "info", alert["alert"], river["river"], False, str(mail["subject"]), text))
    return sorted(found, key=lambda message: message.at)


def _page(at: float, body: Json) -> Message:
    payload = body["payload"]
    resolved = body["event_action"] == "resolve"
    text = "\n".join([payload["summary"], *map(str, payload["custom_details"].values())])
    return Message(
        at, "pages", payload["class"], payload["group"], resolved, payload["summary"], text, body["dedup_key"]
    )


def _ticket(at: float, body: Json) -> Message | None:
    (attachment,) = body["attachments"]
    footer = _FOOTER.fullmatch(attachment["footer"])
    assert footer, attachment
    if footer["severity"] == "critical":
        return None
    resolved = attachment["color"] == "good"
    text = f"{attachment['title']}\n{attachment['text']}"
    return Message(at, "tickets", footer["alert"], footer["river"], resolved, attachment["title"], text)
