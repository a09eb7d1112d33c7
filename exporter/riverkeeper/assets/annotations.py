"""What an alert says beside its sentence: links with the alert's own labels, and values with their limits. Pure.

All are templates of Prometheus: it fills in the labels when the alert fires.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from riverkeeper.dashboards import uids

INDENT = " " * 10  # of an annotation in a rule file
BOARDS = {"overview": uids.OVERVIEW, "kind": uids.KIND, "liveness": uids.RESCUE}
LIMIT = "river_job_limit_seconds"
USED = "queue_kind_tier_limit:river_job_limit_used_seconds:max"


@dataclass(frozen=True, slots=True)
class Annotations:
    """Writes annotations for the places of these settings."""

    keeper_url: str
    grafana_url: str
    runbooks_url: str
    river_labels: tuple[str, ...]

    def links(self, alert: str, board: str, page: str = "", labels: Sequence[str] = ()) -> str:
        """runbook_url, dashboard_url and, where there is a page of the keeper to look at, jobs_url."""
        variables = [f"var-{label}={_escaped(label)}" for label in ("job", *(x for x in labels if x in _VARIABLES))]
        urls = {
            "runbook_url": f"{self.runbooks_url}/{alert}.md",
            "dashboard_url": f"{self.grafana_url}/d/{BOARDS[board]}?{'&'.join(variables)}",
        }
        if page:
            query = "&".join(f"{label}={_escaped(label)}" for label in labels)
            urls["jobs_url"] = f"{self.keeper_url}{page}{'?' if query else ''}{query}"
        return f"\n{INDENT}".join(f"{name}: {json.dumps(url)}" for name, url in urls.items())

    def limit_in_force(self, *labels: str, limit: str) -> str:
        """The limit of the alert's kind and tier, as people write durations."""
        query = self._query(f"max({LIMIT}%s)", labels, limit)
        return f"{query}{{{{ . | first | value | humanizeDuration }}}}{{{{ else }}}}its limit{{{{ end }}}}"

    def used(self, *labels: str, limit: str) -> str:
        """The worst present value, as people write durations."""
        query = self._query(f"{USED}%s", labels, limit)
        return f"{query}{{{{ . | first | value | humanizeDuration }}}}{{{{ else }}}}too long{{{{ end }}}}"

    def _query(self, expression: str, labels: Sequence[str], limit: str) -> str:
        """The start of a template that asks Prometheus for the series of this alert; an absent label is empty."""
        names = (*self.river_labels, *labels)
        literal = not limit.startswith("$")
        matchers = [f"{name}=%q" for name in names] + [f"limit='{limit}'" if literal else "limit=%q"]
        values = " ".join([f"$labels.{name}" for name in names] + ([] if literal else [limit]))
        asked = expression % f"{{{','.join(matchers)}}}"
        return f'{{{{ with printf "{asked}" {values} | query }}}}'


_VARIABLES = ("queue", "kind")  # of the dashboards, beside job


def _escaped(label: str) -> str:
    return f"{{{{ $labels.{label} | urlquery }}}}"
