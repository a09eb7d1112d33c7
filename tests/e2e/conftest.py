"""What every end-to-end test may ask for: real servers, real River clients and the exporter, each gone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work
from riverkeeper.demo.postgres import Server, start_postgres

MakeRiver = Callable[..., River]
MakeFleet = Callable[..., Fleet]
MakeReplica = Callable[..., RiverkeeperProcess]

_numbers = count(1)

# Files of which never two run at once. The first group holds the seconds of a rescue against a promise. The clients of
# the second play several scenarios at a time already, and one whose answers come late is played again.
TIMED = (
    "test_chaos.py", "test_story.py", "test_outage.py", "test_suspected_fleet.py", "test_dead_fleet_alert.py",
)  # fmt: skip
CONFORMANCE = ("test_go_conformance.py", "test_rust_client.py", "test_js_client.py", "test_plain_clients.py")
GROUPS = dict.fromkeys(TIMED, "timed") | dict.fromkeys(CONFORMANCE, "conformance")

# The longest of the others begin first, so that none is left running alone at the end.
LONG = (
    "test_alerts_happen.py", "test_dashboards.py", "test_fence_on_river.py", "test_quickstart.py",
    "test_older_postgres.py", "test_demo.py",
)  # fmt: skip

# Files whose tests share nothing. They come last, because they never wait: what is timed has ended by then. Whichever
# process is free takes the next test; the longest first again.
APART = ("test_alert_situations.py", "test_alert_rules.py")
LONG_APART = ("pages.yml", "tickets.yml")  # in the name of a test

ORDER = (*TIMED, *LONG, *CONFORMANCE, "any other", *APART)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by file; within a file only tests that share nothing."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.path.name
        number = ORDER.index(file if file in ORDER else "any other")
        return number, file in APART and not any(part in item.name for part in LONG_APART)

    items.sort(key=place)


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A file stays in one process, with its servers; so does a group of files.

    Marks of `--dist loadgroup` would say the same, but xdist 3.8 loses them with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).name
        return nodeid if name in APART else GROUPS.get(name, name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole run; tests that stop or copy a server start their own."""
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def river_database(postgres: Server) -> MakeRiver:
    """A new database with the tables of a program's River in a schema, as of a migration version (0 is its newest)."""

    def make(schema: str = "", target_version: int = 0, program: str = "fleet") -> River:
        river = River(postgres.database(f"river_{next(_numbers)}"), schema, program)
        river.migrate(target_version)
        return river

    return make


@pytest.fixture
def programs() -> Iterator[contextlib.ExitStack]:
    """Ends what a test has started, last first."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def fleet(programs: contextlib.ExitStack, tmp_path: Path) -> MakeFleet:
    """River workers in a process of their own: fleet(river, client_id, *flags)."""

    def start(river: River, client_id: str, *flags: str) -> Fleet:
        return programs.enter_context(fleet_at_work(river, tmp_path, client_id, *flags))

    return start


@pytest.fixture
def replica(programs: contextlib.ExitStack, tmp_path: Path) -> MakeReplica:
    """The exporter in a process of its own: replica(url, schema, *flags)."""

    def start(url: str, schema: str = "", *flags: str) -> RiverkeeperProcess:
        return programs.enter_context(replica_at_work(url, tmp_path, schema, *flags))

    return start
