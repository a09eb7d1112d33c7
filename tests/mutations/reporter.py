"""A plugin of pytest in the copy: writes down by which error each test failed, and which package was tested."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

import riverkeeper

# A failure is enough, its smallest example is not needed; and each run has the same examples. A hundred of them, the
# default, missed two mutations of one test after a change of its file, which changes the examples.
hypothesis.settings.register_profile(
    "mutations",
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    derandomize=True,
    deadline=None,
    max_examples=500,
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
