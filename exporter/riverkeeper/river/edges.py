"""Bucket edges of the ages of running attempts, in seconds. Pure."""

from __future__ import annotations

# Ages of running attempts reach from a moment to the day that nobody looked.
AGE_EDGES = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0)
# Beats come every few seconds; what matters lies between one missed beat and a dead worker.
BEAT_EDGES = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
