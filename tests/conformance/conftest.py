"""With --client, only the scenarios are played."""

from __future__ import annotations

import pytest

# What a failed scenario compared is printed, as in a test.
pytest.register_assert_rewrite(
    *(
        f"conformance.{name}"
        for name in ("checkpoints", "claims", "leases", "outages", "pods", "progress", "refusals", "stacks", "tokens")
    )
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("client"):
        items[:] = [item for item in items if item.name.startswith("test_client_keeps_the_contract[")]
