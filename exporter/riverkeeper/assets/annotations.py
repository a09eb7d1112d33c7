"""The links of an alert: its runbook, its dashboard, and Riverkeeper's page. Pure.

The links are templates: Prometheus fills in the labels when the alert fires.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from riverkeeper.dashboards.parts.scope import KIND, OVERVIEW, RESCUE

INDENT = " " * 10  # of an annotation in a rule file
BOARDS = {"overview": OVERVIEW, "kind": KIND, "liveness": RESCUE}


@dataclass(frozen=True, slots=True)
class Annotations:
    """Writes links to these addresses."""

    keeper_url: str
    grafana_url: str
    runbooks_url: str

    def links(self, alert: str, board: str, page: str = "", labels: Sequence[str] = ()) -> str:
        """runbook_url, dashboard_url and, where Riverkeeper has a page for the alert, jobs_url."""
        variables = [f"var-{label}={_escaped(label)}" for label in ("job", *(x for x in labels if x in _VARIABLES))]
        urls = {
            "runbook_url": f"{self.runbooks_url}/{alert}.md",
            "dashboard_url": f"{self.grafana_url}/d/{BOARDS[board]}?{'&'.join(variables)}",
        }
        if page:
            query = "&".join(f"{label}={_escaped(label)}" for label in labels)
            urls["jobs_url"] = f"{self.keeper_url}{page}{'?' if query else ''}{query}"
        return f"\n{INDENT}".join(f"{name}: {json.dumps(url)}" for name, url in urls.items())


_VARIABLES = ("queue", "kind")  # of the dashboards, beside job


def _escaped(label: str) -> str:
    return f"{{{{ $labels.{label} | urlquery }}}}"
