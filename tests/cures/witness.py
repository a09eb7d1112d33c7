"""A plugin of pytest in the copy: writes down which error each test failed by, and of which package that is told."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

import riverkeeper

# Whether a test fails is wanted, not its smallest example; and today as tomorrow.
hypothesis.settings.register_profile(
    "cures", phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], derandomize=True, deadline=None
)
hypothesis.settings.load_profile("cures")

_told: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        error = call.excinfo.typename if report.when == "call" else f"{report.when} {call.excinfo.typename}"
        _told[item.nodeid] = _told.get(item.nodeid) or error  # what a failure leaves behind is no news
    elif report.when == "call" and report.passed:
        _told.setdefault(item.nodeid, "")
    return report


def pytest_sessionfinish() -> None:
    told = {"package": str(Path(riverkeeper.__file__).parent), "tests": _told}
    Path(os.environ["CURES_TOLD"]).write_text(json.dumps(told))
