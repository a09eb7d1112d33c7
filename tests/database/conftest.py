"""What several of these tests begin with. A file that needs it otherwise has its own of the same name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from database.heartbeat_sql import Connection, connected
from database.keepers import Fleet, Look, beating
from database.renewed import renew
from database.rescue_others import Other, other
from database.rescue_scene import Scene, staged
from riverkeeper.demo.postgres import Server
from riverkeeper.schema.install import install


@pytest.fixture(scope="session")
def renewed_database(postgres: Server) -> str:
    """The one database that `renewed_url` gives out again and again."""
    return postgres.database("renewed")


@pytest.fixture
def renewed_url(renewed_database: str) -> str:
    """URL of a database with nothing in it but an empty River-shaped schema `public`: for one test at a time."""
    return renew(renewed_database)


@pytest.fixture
def scene(renewed_url: str) -> Iterator[Scene]:
    """Both schemas, and a River client that leads."""
    with staged(renewed_url) as one:
        one.lead()
        yield one


@pytest.fixture
def somebody(scene: Scene) -> Iterator[Other]:
    with other(scene.url, scene.sql) as one:
        yield one


@pytest.fixture
def looking(river_url: str) -> Iterator[Connection]:
    """The test's own eyes on a database in which keepers are at work."""
    install(river_url, None, None)
    with connected(river_url) as sql:
        yield sql


@pytest.fixture
def look(looking: Connection) -> Look:
    return Look(looking)


@pytest.fixture
def fleet(river_url: str, looking: Connection) -> Iterator[Fleet]:
    with beating(river_url, looking) as fleet:
        yield fleet
