"""Grafana dashboards, built from code: to add one, add its function to DASHBOARDS. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from riverkeeper.dashboards.board import Board
from riverkeeper.dashboards.kind import kind
from riverkeeper.dashboards.overview import overview
from riverkeeper.dashboards.rescue import rescue
from riverkeeper.dashboards.scope import Scope

DASHBOARDS: Mapping[str, Callable[[Scope], Board]] = {"overview": overview, "kind": kind, "rescue": rescue}

__all__ = ["DASHBOARDS", "Scope", "dashboards"]


def dashboards(scope: Scope | None = None) -> dict[str, str]:
    """File name -> JSON, as Grafana's file provisioning and its import take them; the defaults without a scope."""
    chosen = scope or Scope()
    return {
        f"{name}.json": json.dumps(board(chosen).json(chosen), indent=2, ensure_ascii=False) + "\n"
        for name, board in DASHBOARDS.items()
    }
