"""A quicker way to an empty River, for tests that need many."""

from __future__ import annotations

import pytest

from database.renewed import renew
from riverkeeper.demo.postgres import Server


@pytest.fixture(scope="session")
def renewed_database(postgres: Server) -> str:
    """The one database that `renewed_url` gives out again and again."""
    return postgres.database("renewed")


@pytest.fixture
def renewed_url(renewed_database: str) -> str:
    """URL of a database with nothing in it but an empty River-shaped schema `public`: for one test at a time."""
    return renew(renewed_database)
