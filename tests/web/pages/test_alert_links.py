"""The links of alerts lead to pages that exist."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from alerts.rulebook import Rule, alerts_with_links
from fixtures.offenders import for_each
from fixtures.stuck_jobs import LOST, reading
from fixtures.web import FakeService, app_of, ask

VALUES = {"queue": "mail", "kind": "send", "tier": "standard", "reason": "worker_lost"}
LINKED = [alert for alert in alerts_with_links() if "jobs_url" in alert.annotations]


@for_each("alert", LINKED, lambda alert: alert.name)
def test_the_page_answers(alert: Rule) -> None:
    """With the labels that the link carries."""
    url = re.sub(r"{{ \$labels\.(\w+)[^}]*}}", lambda found: VALUES[found[1]], alert.annotations["jobs_url"])
    parts = urlsplit(url)
    answer = ask(app_of(FakeService(reading=reading(LOST))), f"{parts.path}?{parts.query}")

    assert answer.status_code == 200, url
