"""requirements.lock, from which the image is built, pins what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from consistency.tree import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# One pin of the file: its first line, its hashes, and the comment that says who wants it.
ENTRIES = re.findall(
    r"^(\S+)==(\S+)[^\n]*\n((?:    --hash=\S+(?: \\)?\n)*)((?:    #.*\n)*)",
    (ROOT / "requirements.lock").read_text(encoding="utf-8"),
    re.MULTILINE,
)
PINS = {canonicalize_name(name): version for name, version, _, _ in ENTRIES}


def wanted() -> list[Requirement]:
    """What the project and its build name in pyproject.toml."""
    return [Requirement(text) for text in [*named(), *PROJECT["build-system"]["requires"]]]


def named() -> list[str]:
    """What the image has: the dependencies, and the extra that watches pods."""
    return [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["kubernetes"]]


def test_every_dependency_is_pinned_to_a_release_it_allows() -> None:
    """A dependency that is added or raised in pyproject.toml needs `make lock`."""
    wrong = [
        str(requirement)
        for requirement in wanted()
        if not requirement.specifier.contains(PINS.get(canonicalize_name(requirement.name), "0"))
    ]

    assert not wrong, "run make lock"


def test_nothing_is_pinned_for_the_project_that_it_no_longer_names() -> None:
    """A dependency that is removed from pyproject.toml needs `make lock` too."""
    pinned = {canonicalize_name(name) for name, _, _, why in ENTRIES if "riverkeeper (pyproject.toml)" in why}

    assert pinned == {canonicalize_name(Requirement(text).name) for text in named()}, "run make lock"


def test_every_pin_has_hashes() -> None:
    """The build installs nothing whose content it cannot check."""
    assert ENTRIES
    assert [name for name, _, hashes, _ in ENTRIES if "--hash=sha256:" not in hashes] == []


def test_what_a_pinned_release_needs_is_pinned_too() -> None:
    """Seen in the releases that are installed here; the build of the image installs from the lock and nothing else."""
    missing = [
        f"{name} needs {requirement}"
        for name in PINS
        for requirement in needs(name)
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
        and canonicalize_name(requirement.name) not in PINS
    ]

    assert not missing, "run make lock"


def needs(name: str) -> list[Requirement]:
    """What an installed distribution requires; nothing where it is not installed, as the build's own parts are not."""
    try:
        return [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        return []
