"""Draws what people receive: real messages of a real Alertmanager, in frames of our own, as pictures for the docs.

`RIVERKEEPER_TOOLS=… PYTHONPATH=tests .venv/bin/python -m e2e.see_notifications docs/images` with a Chromium on PATH.
The alerts are those that promtool expects in alerts/tests, with the links that `riverkeeper assets` writes where the
addresses are set. Only the frames (colours, fonts, the sender's name) imitate Slack, a mail program and a phone.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from alerts.rulebook import alerts_with_links, document, scenario_files
from e2e.receivers import Json, MessageEnvironment, message_environment
from fixtures.waiting import until

BEGUN = datetime(2026, 11, 28, 2, 14, tzinfo=UTC)
WIDTH = 760
FONT = "font-family: 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def expected_alert(name: str, severity: str, **wanted: str) -> Json:
    """The first alert of this name and severity that a scenario expects, as Prometheus would send it."""
    for path in scenario_files():
        for scenario in document(path)["tests"]:
            for case in scenario.get("alert_rule_test", ()):
                for alert in case["exp_alerts"] if case["alertname"] == name else ():
                    labels = {"alertname": name} | alert["exp_labels"]
                    if labels["severity"] == severity and wanted.items() <= labels.items():
                        return as_sent(labels, alert["exp_annotations"])
    raise LookupError(f"no scenario expects {name} of severity {severity}")


def as_sent(labels: dict[str, str], annotations: dict[str, str]) -> Json:
    rules = [rule for rule in alerts_with_links() if rule.name == labels["alertname"]]
    rule = next((rule for rule in rules if rule.labels.get("cause") == labels.get("cause")), rules[0])
    links = {name: filled_in(rule.annotations[name], labels) for name in rule.annotations if name.endswith("_url")}
    return {
        "labels": labels,
        "annotations": {name: " ".join(text.split()) for name, text in annotations.items()} | links,
        "startsAt": BEGUN.isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }


def filled_in(url: str, labels: dict[str, str]) -> str:
    """The link as Prometheus writes it: `{{ $labels.queue | urlquery }}`."""
    return re.sub(r"{{ \$labels\.(\w+) \| urlquery }}", lambda found: quote_plus(labels.get(found[1], "")), url)


def slack_frame(bodies: list[Json]) -> str:
    """Messages of a channel, one below the other."""
    shown = "".join(_slack_message(body["attachments"][0]) for body in bodies)
    return f"<div style='padding:8px 20px;background:#fff;color:#1d1c1d;font-size:15px;line-height:1.47'>{shown}</div>"


def _slack_message(message: Json) -> str:
    bar = {"danger": "#c4162a", "warning": "#e08400", "good": "#2f7d46"}.get(message["color"], message["color"])
    return f"""<div style="display:flex;gap:10px;margin:14px 0">
<div style="width:36px;height:36px;line-height:36px;border-radius:6px;background:#44546a;color:#fff;text-align:center">
A</div>
<div><b>Alertmanager</b> <span style="color:#616061;font-size:12px">APP</span>
<div style="border-left:4px solid {bar};padding:2px 0 2px 12px;margin-top:6px;max-width:620px">
<div><a style="color:#1264a3;font-weight:700;text-decoration:none">{mrkdwn(message["title"])}</a></div>
<div style="white-space:pre-wrap">{mrkdwn(message["text"])}</div>
<div style="color:#616061;font-size:12px;margin-top:4px">{html.escape(message["footer"])}</div>
</div></div></div>"""


def mrkdwn(text: str) -> str:
    """Slack's marks as HTML; <, > and & come escaped already."""
    text = re.sub(r"<([^|>]+)\|([^>]+)>", "\x00\\2\x01", text)
    text = re.sub(r"`([^`]+)`", r"<code style='background:#f4f4f4;color:#c01343;padding:1px 3px'>\1</code>", text)
    text = re.sub(r"(?m)^_(.+)_$", r"<i>\1</i>", text)
    text = re.sub(r"(?m)^\*(.+)\*$", r"<b>\1</b>", text)
    return text.replace("\x00", "<a style='color:#1264a3'>").replace("\x01", "</a>")


def mail_frame(mail: Any) -> str:
    """Sender and subject above the message's own HTML."""
    rows = "".join(
        f"<div><span style='color:#6b7280;display:inline-block;width:70px'>{name}</span>{html.escape(mail[name])}</div>"
        for name in ("From", "To")
    )
    body = re.sub(r"(</?)body", r"\1div", re.sub(r"<!DOCTYPE html>|</?html[^>]*>", "", html_of(mail)))
    return f"""<div style="background:#fff;color:#111">
<div style="padding:16px 20px;border-bottom:1px solid #e5e7eb;font-size:14px">
<div style="font-size:19px;font-weight:600;margin-bottom:8px">{html.escape(mail["Subject"])}</div>{rows}</div>
<div style="padding:4px 8px">{body}</div></div>"""


def html_of(mail: Any) -> str:
    return str(mail.get_body(("html",)).get_content())


def pager_frame(page: Json) -> str:
    """The screen of a locked phone, and the incident that opens."""
    summary, details = html.escape(page["payload"]["summary"]), page["payload"]["custom_details"]["firing"]
    links = "".join(
        f"<a style='display:inline-block;margin-right:14px;color:#0b5cad'>{html.escape(link['text'])}</a>"
        for link in page["links"]
    )
    [(clock, date)] = re.findall(r"(\d\d:\d\d) UTC, (\d+ \w+)", details)[:1]  # when the first alert began
    day = f"{datetime.strptime(f'{date} {BEGUN.year}', '%d %b %Y'):%A %-d %B}"  # noqa: DTZ007 - a day, no moment
    source = html.escape(f"{page['payload']['class']} · {page['payload']['source']} · {page['payload']['severity']}")
    return f"""<div style="background:#dfe3e8;padding:24px;display:flex;gap:20px;align-items:flex-start">
<div style="flex:0 0 270px;background:#10141c;border-radius:26px;padding:26px 12px;color:#fff;min-height:240px">
<div style="text-align:center;font-size:44px;font-weight:200">{clock}</div>
<div style="text-align:center;font-size:13px;margin-bottom:16px;color:#c7cdd6">{day}</div>
<div style="background:#f3f4f6f2;color:#111;border-radius:14px;padding:10px 12px;font-size:14px;line-height:1.35">
<div style="display:flex;justify-content:space-between;color:#555;font-size:12px"><b>Incident</b><span>now</span></div>
{summary}</div></div>
<div style="flex:1;background:#fff;border-radius:8px;padding:16px 18px;font-size:14px;line-height:1.45;color:#1f2937">
<div style="color:#c4162a;font-weight:700;font-size:12px;letter-spacing:.04em">TRIGGERED</div>
<div style="font-size:17px;font-weight:600;margin:4px 0 6px">{summary}</div>
<div style="color:#6b7280;margin-bottom:10px">{source}</div>
<div style="white-space:pre-wrap;border-top:1px solid #e5e7eb;padding-top:10px">{html.escape(details)}</div>
<div style="margin-top:12px">{links}</div></div></div>"""


def draw(frame: str, picture: Path, folder: Path) -> None:
    """A picture as high as what is in it."""
    page = folder / f"{picture.stem}.html"
    style = f"body{{margin:0;width:{WIDTH}px;{FONT}}} #all{{display:flow-root}}"
    script = "document.body.dataset.height=Math.ceil(document.getElementById('all').getBoundingClientRect().height)"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{style}</style><div id=all>{frame}</div><script>{script}</script>",
        encoding="utf-8",
    )
    (height,) = re.findall(r'data-height="(\d+)"', chromium(folder, "--dump-dom", f"file://{page}"))
    shot = f"--screenshot={picture.resolve()}"
    chromium(folder, shot, f"--window-size={WIDTH},{height}", "--force-device-scale-factor=2", f"file://{page}")
    sys.stdout.write(f"{picture}\n")


def chromium(folder: Path, *arguments: str) -> str:
    browser = next(found for name in BROWSERS if (found := shutil.which(name)))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")
    command = [browser, *flags, f"--user-data-dir={folder}/browser", f"--window-size={WIDTH},800", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as name, message_environment(Path(name)) as environment:
        folder = Path(name)
        draw(pager_frame(page_of(environment)), pictures / "message-pager.png", folder)
        draw(slack_frame(tickets_of(environment)), pictures / "message-slack.png", folder)
        draw(mail_frame(mail_of(environment)), pictures / "message-mail.png", folder)


def page_of(environment: MessageEnvironment) -> Json:
    environment.fire(expected_alert("RiverQueueNotMoving", "critical"))
    (page, *_) = until(lambda: environment.received.sent_to("/pagerduty"), "a page")
    return page


def tickets_of(environment: MessageEnvironment) -> list[Json]:
    """What the page has put there, a ticket, and the end of both."""
    firing = expected_alert("RiverKindFailing", "warning")
    environment.fire(firing)
    until(lambda: len(environment.received.sent_to("/slack")) == 2, "a ticket")
    environment.fire(firing | {"endsAt": datetime.now(UTC).isoformat()})
    until(lambda: len(environment.received.sent_to("/slack")) == 3, "the end of the ticket")
    return environment.received.sent_to("/slack")


def mail_of(environment: MessageEnvironment) -> Any:
    environment.fire(expected_alert("RiverJobsStuck", "info"))
    (mail, *_) = until(lambda: environment.received.mails, "a mail")
    return mail


if __name__ == "__main__":
    main(Path(sys.argv[1]))
