"""Messages as Alertmanager writes them."""

from __future__ import annotations

import json
from typing import Any

TIERS = ("standard", "urgent")
LABELS = {
    "alertname": "RiverJobsStuck", "rescue": "allow", "severity": "page",
    "queue": "mail", "kind": "send", "tier": "urgent", "reason": "worker_lost",
}  # fmt: skip


def alert(**changes: Any) -> dict[str, Any]:
    """A firing alert that may wake."""
    return {
        "status": "firing",
        "labels": LABELS,
        "annotations": {"summary": "2 jobs are stuck"},
        "startsAt": "2023-11-14T22:13:20.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "0123456789abcdef",
    } | changes


def message(*alerts: Any, **changes: Any) -> bytes:
    """A message with these alerts, or with other fields."""
    return json.dumps(
        {
            "version": "4",
            "groupKey": '{}:{alertname="RiverJobsStuck"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "riverkeeper",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            "alerts": list(alerts),
        }
        | changes
    ).encode()
