"""alertmanager.yml without an Alertmanager: what it names exists, and nothing stops a wake that should not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alerts.promql import labels
from alerts.rulebook import ALERTS, alerts, document
from fixtures.offenders import for_each
from riverkeeper.assets.alerting import RIVER_LABELS, RULES

CONFIG = document(ALERTS / "alertmanager.yml")
NAMES = {alert.name for alert in alerts()}
MAY_SILENCE_RESCUES = {"RiverExporterDown", "RiverDatabaseUnreadable"}  # then the rescuer could not act either


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def matched(matchers: list[str]) -> set[str]:
    """Alerts whose name fits every matcher on it."""
    left = set(NAMES)
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!~|=|!=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        if name == "alertname":
            left = {alert for alert in left if bool(re.fullmatch(value, alert)) is (operator[0] == "=")}
    return left


def test_amlint_has_nothing_to_say() -> None:
    """Shadowed routes, inhibitions that never match, receivers that nobody uses; checked against our rules."""
    rules = [part for name in RULES for part in ("--rules", str(ALERTS / f"{name}.yml"))]
    amlint = Path(sys.executable).with_name("amlint")
    done = subprocess.run(
        [amlint, "check", "--strict", "--format", "json", *rules, ALERTS / "alertmanager.yml"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout
    assert "INFO" not in done.stdout


def test_the_rescuer_comes_first_and_people_are_told_too() -> None:
    """A route that matches with `continue` gives nothing to its parent's receiver: people have a route of their own."""
    watchdog, rescue, people = CONFIG["route"]["routes"]

    assert watchdog["matchers"] == ['alertname="RiverWatchdog"']
    assert (rescue["matchers"], rescue["continue"]) == (['rescue="allow"'], True)
    assert "matchers" not in people


def test_the_rescuer_is_told_of_one_alert_at_a_time() -> None:
    """At once, alone, firing only, and each minute: of two jobs with the same labels it hears but one alert."""
    (rescue,) = [route for route in CONFIG["route"]["routes"] if route.get("matchers") == ['rescue="allow"']]
    (receiver,) = [receiver for receiver in CONFIG["receivers"] if receiver["name"] == "rescuer"]
    (webhook,) = receiver["webhook_configs"]

    assert (rescue["group_by"], rescue["group_wait"]) == (["..."], "0s")
    assert rescue["repeat_interval"] == "1m"
    assert webhook["send_resolved"] is False
    assert webhook["http_config"]["follow_redirects"] is False
    assert "credentials_file" in webhook["http_config"]["authorization"]


@for_each("rule", CONFIG["inhibit_rules"], lambda rule: str(rule["source_matchers"][0]))
def test_inhibitions_are_of_alerts_that_exist(rule: dict[str, Any]) -> None:
    """Source and target apart; of the same River; by labels that both have."""
    sources, targets = matched(rule["source_matchers"]), matched(rule["target_matchers"])
    equal = set(rule["equal"])

    assert sources
    assert targets
    assert not sources & targets
    assert equal >= set(RIVER_LABELS)
    for alert in alerts():
        if alert.name in sources | targets:
            assert equal - set(RIVER_LABELS) <= labels(alert.expr), alert.name
    named = set(re.findall(r"River[A-Z]\w+", " ".join(rule["source_matchers"] + rule["target_matchers"])))
    assert named <= NAMES


@for_each("rule", CONFIG["inhibit_rules"], lambda rule: str(rule["source_matchers"][0]))
def test_nothing_keeps_a_wake_from_the_rescuer(rule: dict[str, Any]) -> None:
    """An inhibited alert is sent to nobody, not to the webhook either."""
    wakes = {alert.name for alert in alerts() if alert.labels.get("rescue") == "allow"} | {"RiverWatchdog"}

    if not matched(rule["source_matchers"]) <= MAY_SILENCE_RESCUES:
        assert not matched(rule["target_matchers"]) & wakes
    assert "RiverWatchdog" not in matched(rule["target_matchers"])


def test_groups_keep_rivers_apart() -> None:
    """One message never speaks of two Rivers."""
    for route in routes(CONFIG["route"]):
        assert "group_by" not in route or set(route["group_by"]) >= set(RIVER_LABELS) or route["group_by"] == ["..."]
