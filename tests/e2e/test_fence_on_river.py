"""The fence on real River of several versions: River's clients, the Go middleware and the schema as they are shipped.

What is tested is in clients/go/compat/fence/suite: late results of every outcome while the next attempt runs, each of
them with the fence and without it; results that River writes twice; partitions; transactions; batches; usual traffic.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

MODULES = Path(__file__).resolve().parents[2] / "clients" / "go" / "compat" / "fence"
# The longest first.
VERSIONS = {"0.51": "river051", "0.39": ".", "0.43": "river043", "0.47": "river047", "0.48": "river048"}
AT_ONCE = 2  # they wait for River's own times more than they work
PATIENCE_SECONDS = 600.0

Run = subprocess.CompletedProcess[str]


def _go(*arguments: str | Path, folder: Path) -> Run:
    """One call of Go, gently: two cores are shared with what runs beside it."""
    flags = f"{os.environ.get('GOFLAGS', '')} -p=2"
    environment = {**os.environ, "GOFLAGS": flags, "RIVERKEEPER": str(Path(sys.executable).with_name("riverkeeper"))}
    return subprocess.run(
        ["nice", "go", *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _test(module: str) -> Run:
    return _go("test", "-count=1", "-v", ".", folder=MODULES / module)


@pytest.fixture(scope="module")
def runs() -> Iterator[Mapping[str, Future[Run]]]:
    """Every version's tests, some at a time: each is built and then run."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {version: pool.submit(_test, module) for version, module in VERSIONS.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_no_result_of_an_earlier_attempt_is_written_into_a_later_one(
    version: str, runs: Mapping[str, Future[Run]]
) -> None:
    """Whatever the outcome, the partition, and how often River retries; and each part fails without the fence."""
    run = runs[version].result(PATIENCE_SECONDS)
    assert run.returncode == 0, f"River {version}:\n{run.stdout[-8000:]}\n{run.stderr[-4000:]}"
    assert "no test files" not in run.stdout
