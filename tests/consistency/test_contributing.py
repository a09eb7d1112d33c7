"""CONTRIBUTING.md maps the tree that is there."""

from __future__ import annotations

import re
from pathlib import Path

from consistency.test_layers import ORDER
from consistency.tree import PACKAGE, ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_package_has_a_line_in_the_order_of_imports() -> None:
    """The map is where a newcomer begins; a package without a line is one that nobody explains."""
    lines = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", TEXT.partition("| package |")[2].partition("\n\n")[0], re.MULTILINE)

    assert lines == [name for name in ORDER if name != "__main__"]


def test_every_file_that_a_recipe_names_exists() -> None:
    """A recipe is followed literally."""
    named = set(re.findall(r"`((?:exporter|tests|docs|alerts|clients)/[\w./-]+)`", TEXT))
    below = set(re.findall(r"`([a-z_]+/[\w/]+\.py)`", TEXT))
    made = {"docs/runbooks/RiverX.md"}
    missing = {name for name in named - made if not (ROOT / name).exists()}
    missing |= {name for name in below - named if not any((top / name).exists() for top in places())}

    assert sorted(missing) == []


def places() -> list[Path]:
    return [PACKAGE, ROOT / "tests", ROOT / "exporter" / "riverkeeper" / "dashboards"]
