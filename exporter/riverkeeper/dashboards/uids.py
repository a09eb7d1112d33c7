"""Names by which alerts, bookmarks and boards find a board; they never change. Pure."""

from __future__ import annotations

OVERVIEW = "riverkeeper-overview"
KIND = "riverkeeper-kind"
RESCUE = "riverkeeper-rescue"
