"""Documents that cannot drift from the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from consistency.tree import ROOT, named
from riverkeeper.generate import GENERATED

# Written in pieces, so that this file does not contain what it forbids.
PRIVATE = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").rglob("*.md")])


def tracked() -> list[Path]:
    """Files that git knows or would take up."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_generated_files_are_what_the_code_generates() -> None:
    """`make generate` changes nothing."""
    stale = [name for name, text in GENERATED.items() if (ROOT / name).read_text(encoding="utf-8") != text()]

    assert sorted(stale) == []


def test_links_between_documents_lead_somewhere() -> None:
    """A relative link names a file that exists."""
    dead = [
        f"{named(path)}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]

    assert dead == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """What is committed works anywhere."""
    found = [
        f"{named(path)}: {private}"
        for path in tracked()
        for private in PRIVATE
        if path.suffix not in {".png", ".sum"} and private in path.read_text(encoding="utf-8", errors="ignore")
    ]

    assert found == []
