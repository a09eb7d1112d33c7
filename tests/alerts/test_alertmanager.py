"""alertmanager.yml without an Alertmanager: what it names exists; nothing stops a wake or a page that should not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from alerts.promql import labels
from alerts.rulebook import ALERTS, RUNBOOKS, Rule, alerts, document
from fixtures.offenders import for_each
from riverkeeper.assets.alerting import RULES
from riverkeeper.config.assets import RIVER_LABELS

CONFIG = document(ALERTS / "alertmanager.yml")
NAMES = {alert.name for alert in alerts()}
LEVELS = ("none", "info", "warning", "critical")  # in the order of urgency
RECEIVERS = {"none": "nobody", "info": "info", "warning": "tickets", "critical": "pages"}
TIERS = ("urgent", "standard", "patient", "bulk", "of_somebody")  # every tier as shipped, and one that nobody knows
for_each_inhibition = for_each("rule", CONFIG["inhibit_rules"], lambda rule: str(rule["source_matchers"][0]))


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def matched(matchers: list[str]) -> list[Rule]:
    """Rules whose alerts may fit every matcher: a label of the expression may have any value."""
    left = list(alerts())
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!~|=|!=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        left = [alert for alert in left if may_fit(alert, name, value, equal=operator[0] == "=")]
    return left


def may_fit(alert: Rule, name: str, value: str, *, equal: bool) -> bool:
    constant = ({"alertname": alert.name} | alert.labels).get(name, "")
    return bool(re.fullmatch(value, constant)) is equal or name in labels(alert.expr)


def names(matchers: list[str]) -> set[str]:
    return {alert.name for alert in matched(matchers)}


def level(alert: Rule, tier: str) -> int:
    """The rank of the severity that an alert has in a tier: its label is a word, or branches by tier."""
    for tiers, word in re.findall(r'if match "([^"]*)" \$labels\.tier }}(\w+)', alert.labels["severity"]):
        if re.fullmatch(tiers, tier):
            return LEVELS.index(word)
    return LEVELS.index(re.findall(r"(\w+)(?:{{ end }})?$", alert.labels["severity"])[0])


def test_amlint_has_nothing_to_say() -> None:
    """Shadowed routes, inhibitions that never match, receivers that nobody uses; checked against our rules."""
    rules = [part for name in RULES for part in ("--rules", str(ALERTS / f"{name}.yml"))]
    amlint = subprocess.run(
        [Path(sys.executable).with_name("amlint"), "check", "--strict", "--format", "json", *rules,
         ALERTS / "alertmanager.yml"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert amlint.returncode == 0, amlint.stdout + amlint.stderr
    assert "WARN" not in amlint.stdout
    assert "INFO" not in amlint.stdout


def test_the_watchdog_reaches_the_rescuer_and_another_machine() -> None:
    """An alert on Alertmanager's own death must not depend on Alertmanager alone, and reaches no receiver of people."""
    (watchdog, *_) = CONFIG["route"]["routes"]
    rescuer, switch = watchdog["routes"]

    assert watchdog["matchers"] == ['alertname="RiverWatchdog"']
    assert (watchdog["receiver"], rescuer["receiver"], switch["receiver"]) == ("nobody", "rescuer", "deadmansswitch")
    assert rescuer["continue"] is True
    assert rescuer["repeat_interval"] == switch["repeat_interval"] == "5m"
    assert switch["group_by"] == ["alertname"], "one message for all Rivers: each service counts them as one"


def test_the_rescuer_receives_one_alert_in_a_message() -> None:
    """At once, alone, firing only, and each minute: two jobs with the same labels give one alert."""
    (rescue,) = [route for route in CONFIG["route"]["routes"] if route.get("matchers") == ['rescue="allow"']]
    (receiver,) = [receiver for receiver in CONFIG["receivers"] if receiver["name"] == "rescuer"]
    (webhook,) = receiver["webhook_configs"]

    assert "continue" not in rescue, "people hear of stuck jobs by other alerts"
    assert (rescue["group_by"], rescue["group_wait"]) == (["..."], "0s")
    assert rescue["repeat_interval"] == "1m"
    assert webhook["send_resolved"] is False
    assert webhook["http_config"]["follow_redirects"] is False
    assert "credentials_file" in webhook["http_config"]["authorization"]


def test_each_severity_has_its_receiver() -> None:
    """Pages, tickets, information, nobody; and what has no severity that we know is a ticket, never lost."""
    found = {
        matcher.partition('"')[2].rstrip('"'): route["receiver"]
        for route in CONFIG["route"]["routes"]
        for matcher in route["matchers"]
        if matcher.startswith("severity=")
    }

    assert found == RECEIVERS
    assert CONFIG["route"]["receiver"] == "tickets"
    assert all(level(alert, tier) >= 0 for alert, tier in product(alerts(), TIERS))


def test_secrets_are_files() -> None:
    """No receiver of the example holds an address or a key that is a secret: each is read from a file."""
    text = (ALERTS / "alertmanager.yml").read_text()

    for secret in ("api_url", "routing_key", "service_key", "smtp_auth_password", "auth_password", "credentials"):
        assert not re.search(rf"\b{secret}:", text), secret
    assert text.count("_file: ") == len(
        re.findall(r"^ *(?:- )?\w+_file: \"/etc/alertmanager/secrets/", text, re.MULTILINE)
    )


@for_each_inhibition
def test_inhibitions_are_of_alerts_that_exist(rule: dict[str, Any]) -> None:
    """Source and target apart; of the same River; by labels that the sources have, and one target at least."""
    sources, targets = matched(rule["source_matchers"]), matched(rule["target_matchers"])
    beside = set(rule["equal"]) - {*RIVER_LABELS, "alertname"}

    assert sources
    assert targets
    assert not [alert for alert in sources if alert in targets]
    assert set(rule["equal"]) >= set(RIVER_LABELS)
    assert any(beside <= labels(alert.expr) for alert in sources)
    assert any(beside <= labels(alert.expr) for alert in targets)
    named = set(re.findall(r"River[A-Z]\w+", " ".join(rule["source_matchers"] + rule["target_matchers"])))
    assert named <= NAMES


@for_each_inhibition
def test_nothing_mutes_what_is_more_urgent(rule: dict[str, Any]) -> None:
    """For every pair of alerts, in every pair of tiers in which both may fire: the source is at least as urgent."""
    pairs = product(matched(rule["source_matchers"]), matched(rule["target_matchers"]))
    tiers = [(tier, tier) for tier in TIERS] if "tier" in rule["equal"] else list(product(TIERS, TIERS))
    wrong = [
        f"{source.name} in {severity} mutes {target.name} in {other}"
        for source, target in pairs
        if "alertname" not in rule["equal"] or source.name == target.name
        for severity, other in tiers
        if level(source, severity) < level(target, other)
    ]

    assert wrong == []


@for_each_inhibition
def test_nothing_keeps_a_wake_from_the_rescuer(rule: dict[str, Any]) -> None:
    """A muted alert is sent to nobody, not to the webhook either. Where nobody watches, no rescuer could act."""
    wakes = {alert.name for alert in alerts() if alert.labels.get("rescue") == "allow"}

    assert wakes == {"RiverRescueWake"}
    if names(rule["source_matchers"]) != {"RiverNotWatched"}:
        assert not names(rule["target_matchers"]) & wakes
    assert "RiverWatchdog" not in names(rule["target_matchers"])


@for_each("name", sorted(NAMES - {"RiverNotWatched"}))
def test_nothing_is_believed_where_nobody_watches(name: str) -> None:
    """RiverNotWatched mutes every other alert of its River, but the watchdog."""
    (rule,) = [each for each in CONFIG["inhibit_rules"] if names(each["source_matchers"]) == {"RiverNotWatched"}]

    assert (name in names(rule["target_matchers"])) is (name != "RiverWatchdog")
    assert rule["equal"] == list(RIVER_LABELS)


def test_groups_keep_rivers_apart() -> None:
    """One message never speaks of two Rivers; a dead man's switch reads none."""
    for route in routes(CONFIG["route"]):
        if "group_by" in route and route["receiver"] != "deadmansswitch":
            assert set(route["group_by"]) >= set(RIVER_LABELS) or route["group_by"] == ["..."]


def test_the_readme_names_every_alert() -> None:
    """The seven that page have a line each at the top, in the runbooks' order; the others are in the lists below."""
    first, _, rest = (ALERTS / "README.md").read_text().partition("## Tickets")
    pages = {alert.name for alert in alerts() if any(level(alert, tier) == LEVELS.index("critical") for tier in TIERS)}

    listed = re.findall(r"^\| \[(River\w+)\]", first, re.MULTILINE)
    runbooks = re.findall(r"^\| \[(River\w+)\]", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)

    assert set(listed) == pages
    assert listed == runbooks[:7]
    assert set(re.findall(r"River[A-Z]\w+|Riverkeeper[A-Z]\w+", rest)) & NAMES >= NAMES - pages
