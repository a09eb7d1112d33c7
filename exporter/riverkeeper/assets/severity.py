"""How loud an alert is in which tier. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def severity(page_tiers: Sequence[str], quiet_tiers: Sequence[str]) -> str:
    """A label template: critical in tiers that page, info in quiet ones, warning in all others."""
    branches = [(tiers, level) for tiers, level in ((page_tiers, "critical"), (quiet_tiers, "info")) if tiers]
    if not branches:
        return "warning"
    conditions = "{{ else ".join(
        f'if match "^({"|".join(tiers)})$" $labels.tier }}}}{level}' for tiers, level in branches
    )
    return "{{ " + conditions + "{{ else }}warning{{ end }}"
