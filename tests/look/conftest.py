"""What the tests of `riverkeeper look` share."""

from __future__ import annotations

import pytest

from riverkeeper.look import inspect


@pytest.fixture(autouse=True)
def no_wait_for_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests have a River without clients: none of them will elect a leader."""
    monkeypatch.setattr(inspect, "ELECTION_SECONDS", 0.0)
