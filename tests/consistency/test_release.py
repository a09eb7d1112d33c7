"""One version everywhere, and what is published is what the release builds and tags."""

from __future__ import annotations

import re

import yaml

from consistency.tree import ROOT
from riverkeeper import __version__

OURS = re.compile(r"(github\.com/riverkeeper/riverkeeper/\S+) (v\S+)$", re.MULTILINE)
PUBLISHED = re.compile(r"^PUBLISHED = \((.*?)\)", re.MULTILINE)


def published() -> list[str]:
    match = PUBLISHED.search((ROOT / "release" / "go_modules.py").read_text(encoding="utf-8"))
    assert match
    return re.findall(r'"(.*?)"', match[1])


def test_go_modules_require_this_version_of_each_other() -> None:
    """A `replace` is not seen by who installs a module: what it requires must be published."""
    offenders = [
        f"{path.relative_to(ROOT)}: {module} {version}"
        for path in (ROOT / "clients" / "go").rglob("go.mod")
        for module, version in OURS.findall(path.read_text(encoding="utf-8"))
        if version != f"v{__version__}"
    ]
    assert offenders == []


def test_a_published_module_requires_only_published_ones() -> None:
    """Else `go get` fails for everybody."""
    names = {f"github.com/riverkeeper/riverkeeper/{folder}" for folder in published()}
    for folder in published():
        required = {module for module, _ in OURS.findall((ROOT / folder / "go.mod").read_text(encoding="utf-8"))}
        assert required <= names, folder


def test_the_release_tags_what_it_built() -> None:
    """The workflow tags the same modules that `make release` laid out and tried."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    script = next(step["run"] for step in workflow["jobs"]["page"]["steps"] if "Go modules" in step.get("name", ""))
    assert re.search(r"for module in (.*); do", script)[1].split() == published()  # type: ignore[index]


def test_the_go_client_reports_its_version() -> None:
    """A client reports its version with its heartbeats."""
    assert f'Version = "{__version__}"' in (ROOT / "clients" / "go" / "version.go").read_text(encoding="utf-8")


def test_the_chart_is_of_this_version() -> None:
    """The chart and the image that it starts are released together."""
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "riverkeeper" / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
