"""The real Postgres that tests ask: one server a test process, a database that is empty again for each test."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from fixtures.contenders import Other, other
from fixtures.contract import Connection, connected
from fixtures.empty_database import KEEPER_ROWS, RIVER_ROWS, ReusableDatabase, reusable
from fixtures.replicas import Fleet, Look, beating
from fixtures.rescue import Scene, opened
from riverkeeper.demo.postgres import Server, find_binaries, start_postgres
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

MEMORY, MEMORY_BYTES = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - a server takes up to 300 MB of it
_numbers = itertools.count()
# Each has a test that takes half a minute or more on a busy machine.
LONG = ("rescue/test_model.py", "demo/test_command.py", "brakes/test_clocks.py", "brakes/test_mass_silence.py")
# A busy machine breaks no property. Half of the usual hundred examples: `make test-long` and the mutations try 500.
EXAMPLES = 500 if os.environ.get("RIVERKEEPER_TEST_LONG") else 50
settings.register_profile("riverkeeper", deadline=None, max_examples=EXAMPLES)
settings.load_profile("riverkeeper")


gc.disable()  # until all tests are collected: nothing of what they make then becomes garbage


def pytest_addoption(parser: pytest.Parser) -> None:
    """For tests/conformance; here, because options of a folder are not known where the whole suite runs."""
    group = parser.getgroup("conformance", "a heartbeat client of yours (clients/CONTRACT.md)")
    group.addoption("--client", metavar="COMMAND", help="the program that plays the scenarios of tests/conformance")
    group.addoption("--without", choices=("checkpoints", "pods"), action="append", default=[], help="what it lacks")
    group.addoption("--level", choices=("plain", "progress", "leasing", "full"), default="full", help="its level")


def pytest_report_header() -> str:
    return f"postgres: {find_binaries()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test process begins with its share of the long tests: else one is left running alone at the end."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.path.as_posix().endswith(LONG)]
    others = [item for item in items if not item.path.as_posix().endswith(LONG)]
    bounds = [len(others) * number // processes for number in range(processes + 1)]
    items[:] = [
        item
        for number, (begin, end) in enumerate(itertools.pairwise(bounds))
        for item in (*long[number::processes], *others[begin:end])
    ]


def pytest_collection_finish() -> None:
    """The collector of garbage passes over what stays anyway: the modules, and the tests themselves."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def logs_as_ever() -> Iterator[None]:
    """A command that ran within a test has set up where its lines go; the next test's go where they always did."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for this test process; in database `river_template` an empty River-shaped schema `public`."""
    with start_postgres(parent=memory_folder()) as server:
        run_script(server.database("river_template"), river_table("public"))
        yield server


def memory_folder() -> Path | None:
    """A file system in memory with room for the servers of all test processes, if there is one.

    Tests make and remove thousands of small files, and on a disk that is a third of all the time in the kernel.
    """
    if not MEMORY.is_dir():
        return None
    about = os.statvfs(MEMORY)
    is_usable = about.f_bavail * about.f_frsize > MEMORY_BYTES and not about.f_flag & os.ST_NOEXEC
    return MEMORY if is_usable else None


def river_table(schema: str) -> str:
    """DDL of a River-shaped table in a schema of any name."""
    return source("demo/river_table").replace("river.", '"' + schema.replace('"', '""') + '".')


@pytest.fixture
def new_database(postgres: Server) -> Callable[[], str]:
    """Makes fresh databases, each with an empty River-shaped schema `public`; returns their URLs."""
    return lambda: postgres.database(f"test_{next(_numbers)}", template="river_template")


@pytest.fixture(scope="session")
def river_database(postgres: Server) -> Iterator[ReusableDatabase]:
    """The one database that `river_url` gives out again and again."""
    with reusable(postgres, "river", "river_template", RIVER_ROWS) as database:
        yield database


@pytest.fixture
def river_url(river_database: ReusableDatabase) -> str:
    """URL of a database with nothing in it but an empty River-shaped schema `public`: for one test at a time."""
    return river_database.renew()


@pytest.fixture(scope="session")
def installed_template(postgres: Server) -> str:
    """Name of a database with an empty River in `public`, the keeper schema `riverkeeper` and the fence."""
    install(postgres.database("installed_template", "river_template"), None, None)
    return "installed_template"


@pytest.fixture(scope="session")
def installed_database(postgres: Server, installed_template: str) -> Iterator[ReusableDatabase]:
    """The one database that `installed_url` gives out again and again."""
    with reusable(postgres, "keeper", installed_template, KEEPER_ROWS) as database:
        yield database


@pytest.fixture
def installed_url(installed_database: ReusableDatabase) -> str:
    """URL of a database with an empty River in `public`, the keeper schema `riverkeeper` and the fence."""
    return installed_database.renew()


@pytest.fixture
def own_url(request: pytest.FixtureRequest) -> str:
    """URL of the test's database: `installed_url` where the test or a fixture asks for it, else `river_url`."""
    url: str = request.getfixturevalue("installed_url" if "installed_url" in request.fixturenames else "river_url")
    return url


@pytest.fixture
def sql(own_url: str) -> Iterator[Session]:
    """A session on the test's database."""
    with Session(own_url, application_name="test") as session:
        yield session


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    """Both schemas, and a River client that leads."""
    with opened(installed_url) as scene:
        scene.lead()
        yield scene


@pytest.fixture
def somebody(scene: Scene) -> Iterator[Other]:
    with other(scene.url, scene.sql) as second:
        yield second


@pytest.fixture
def looking(installed_url: str) -> Iterator[Connection]:
    """The test's own connection to a database in which replicas are at work."""
    with connected(installed_url) as sql:
        yield sql


@pytest.fixture
def look(looking: Connection) -> Look:
    return Look(looking)


@pytest.fixture
def fleet(installed_url: str, looking: Connection) -> Iterator[Fleet]:
    with beating(installed_url, looking) as fleet:
        yield fleet
