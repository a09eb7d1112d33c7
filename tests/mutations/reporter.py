"""A plugin of pytest in the copy: writes down by which error each test failed, and which package was tested."""

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
    "mutations", phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], derandomize=True, deadline=None
)
hypothesis.settings.load_profile("mutations")

_reported: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        error = call.excinfo.typename if report.when == "call" else f"{report.when} {call.excinfo.typename}"
        _reported[item.nodeid] = _reported.get(item.nodeid) or error  # what a failure leaves behind is no news
    elif report.when == "call" and report.passed:
        _reported.setdefault(item.nodeid, "")
    return report


def pytest_sessionfinish() -> None:
    report = {"package": str(Path(riverkeeper.__file__).parent), "tests": _reported}
    Path(os.environ["MUTATIONS_REPORT"]).write_text(json.dumps(report))
