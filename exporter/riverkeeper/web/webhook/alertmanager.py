"""Parses the webhook messages of Alertmanager (version 4): which stuck jobs to check. Pure.

Grafana-managed alerting sends the same alerts with the same fields, and calls it version 1. Anybody who reaches
Alertmanager can invent labels, so a label only narrows a scope. Unknown fields are ignored.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from riverkeeper.rescue.wakes.wake import AlertStatus, Call, Scope

VERSIONS = ("4", "1")  # Alertmanager's; Grafana-managed alerting's, whose alerts have the same fields
MOST_FINGERPRINT = 64  # characters; Alertmanager's has 16
MOST_ALERT_NAME = 200
MOST_TRUNCATED = 1_000_000_000  # a count that a counter can take up
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINGERPRINT = re.compile(rf"[0-9A-Za-z]{{1,{MOST_FINGERPRINT}}}", re.ASCII)


class BadMessage(Exception):
    """A message that is refused as a whole; the text gives the reason and quotes nothing of the message."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """The calls of a message, and what was done with its other alerts."""

    calls: tuple[Call, ...] = ()
    counts: Counter[AlertStatus] = field(
        default_factory=Counter
    )  # without the calls: only the database knows whether a call still wakes


def read_message(body: bytes, tiers: Collection[str]) -> AlertMessage:
    """Raises BadMessage: 400 for a malformed message, 422 for another version. Takes a message whole or not at all."""
    message = _object(_decoded(body), "the message")
    if message.get("version") not in VERSIONS:
        reason = "only webhook messages of Alertmanager (version 4) and of Grafana (version 1) are supported"
        raise BadMessage(422, reason)
    alerts = message.get("alerts")
    if not isinstance(alerts, list):
        raise BadMessage(400, "alerts is not a list")
    results = [_read_alert(_object(alert, "an alert"), tiers) for alert in alerts]
    counts = Counter(result for result in results if isinstance(result, AlertStatus))
    # Truncated alerts widen no scope: the supervisor reads the whole table anyway, and the next message has more.
    counts[AlertStatus.TRUNCATED] += _count(message.get("truncatedAlerts", 0))
    return AlertMessage(tuple(result for result in results if isinstance(result, Call)), +counts)


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):  # ValueError: also a number of five thousand digits
        raise BadMessage(400, "the message is not JSON") from None


def _read_alert(alert: Mapping[str, object], tiers: Collection[str]) -> Call | AlertStatus:
    status, labels = _text(alert, "status"), _labels(alert)
    if status not in {"firing", "resolved"}:
        raise BadMessage(400, "the status of an alert is neither firing nor resolved")
    call = Call(_fingerprint(alert), _starts_at(alert), _printable(labels.get("alertname", "")), _scope(labels))
    if status == "resolved":
        return AlertStatus.RESOLVED
    if labels.get("rescue") != "allow":
        return AlertStatus.NOT_ALLOWED
    return call if call.scope.can_be(tiers) else AlertStatus.UNKNOWN_SCOPE


def _scope(labels: Mapping[str, str]) -> Scope:
    """An empty label is an absent one, as everywhere in Prometheus."""
    return Scope(*(labels.get(name) or None for name in ("queue", "kind", "tier", "reason")))


def _labels(alert: Mapping[str, object]) -> dict[str, str]:
    labels = _object(alert.get("labels"), "an alert's labels")
    return {name: _text(labels, name) for name in labels}


def _fingerprint(alert: Mapping[str, object]) -> str:
    fingerprint = _text(alert, "fingerprint")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise BadMessage(400, f"the fingerprint of an alert is not 1 to {MOST_FINGERPRINT} letters and digits")
    return fingerprint


def _starts_at(alert: Mapping[str, object]) -> float:
    text = _text(alert, "startsAt")
    try:
        if _RFC3339.fullmatch(text):
            return (datetime.fromisoformat(text) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):  # the 31st of February
        pass
    raise BadMessage(400, "startsAt of an alert is not an RFC 3339 time")


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TRUNCATED:
        raise BadMessage(400, f"truncatedAlerts is not a whole number from 0 to {MOST_TRUNCATED}")
    return value


def _text(alert: Mapping[str, object], key: str) -> str:
    value = alert.get(key)
    if not isinstance(value, str):
        raise BadMessage(400, "a label, or the status, startsAt or fingerprint of an alert, is missing or not text")
    return value


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadMessage(400, f"{name} is not an object")
    return value


def _printable(name: str) -> str:
    """Without control characters, and without characters that Postgres cannot store."""
    return "".join(char if char.isprintable() else "?" for char in name[:MOST_ALERT_NAME])
