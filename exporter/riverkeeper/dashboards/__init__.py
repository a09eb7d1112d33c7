"""Grafana dashboards, built from code: to add one, add its function to DASHBOARDS. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from riverkeeper.dashboards.fleet import fleet_board
from riverkeeper.dashboards.kind import kind_board
from riverkeeper.dashboards.overview import overview_board
from riverkeeper.dashboards.parts.board import Board
from riverkeeper.dashboards.parts.scope import DashboardScope
from riverkeeper.dashboards.rescue import rescue_board

DASHBOARDS: Mapping[str, Callable[[DashboardScope], Board]] = {
    "fleet": fleet_board,
    "overview": overview_board,
    "kind": kind_board,
    "rescue": rescue_board,
}

__all__ = ["DASHBOARDS", "DashboardScope", "dashboards"]


def dashboards(scope: DashboardScope | None = None) -> dict[str, str]:
    """File name -> JSON for Grafana's provisioning or import; without a scope, of the defaults."""
    chosen = scope or DashboardScope()
    return {
        f"{name}.json": json.dumps(board(chosen).json(chosen), indent=2, ensure_ascii=False) + "\n"
        for name, board in DASHBOARDS.items()
    }
