"""The Grafana dashboards, for this configuration's replica labels and addresses."""

from __future__ import annotations

from riverkeeper.config.assets import AssetSettings
from riverkeeper.dashboards import DashboardScope, dashboards


def board_files(assets: AssetSettings) -> dict[str, str]:
    """Classic dashboard JSON, by path."""
    scope = DashboardScope(assets.replica_labels, assets.keeper_url, assets.runbooks_url)
    return {f"dashboards/json/{name}": text for name, text in dashboards(scope).items()}
