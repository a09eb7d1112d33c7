"""Documents that cannot drift from the code."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

from release.chart import generated as chart

from consistency.tree import ROOT, files_below, named
from riverkeeper.generate import GENERATED

# Written in pieces, so that this file does not contain what it forbids.
PRIVATE = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/")
FOLDERS = ("docs", "clients", "alerts", "dashboards", "deploy", "release", "benchmarks", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in files_below(ROOT / folder, ".md"))])
CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ITEM = r"(?:[-*]|\d+\.) "


def tracked() -> list[Path]:
    """Files that git knows or would take up."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_generated_files_are_what_the_code_generates() -> None:
    """`make generate` changes nothing."""
    expected = {**{name: text() for name, text in GENERATED.items()}, **chart()}
    stale = [name for name, text in expected.items() if (ROOT / name).read_text(encoding="utf-8") != text]

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


def prose(path: Path) -> str:
    """The text of a document, its blocks of code emptied."""
    return CODE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """What a link may name after #: the headings, as GitHub and the site spell them. Two headings alike have none."""
    links = re.compile(r"\[([^\]]*)\]\([^)]*\)")
    spelt = [re.sub(r"[^\w\- ]", "", links.sub(r"\1", heading).lower()) for heading in HEADING.findall(prose(path))]
    return {text.replace(" ", "-") for text in spelt if spelt.count(text) == 1}


def test_links_to_a_heading_find_it() -> None:
    """A link that names a part of a page names a heading that is there, once."""
    dead = [
        f"{named(path)}: {target}#{anchor}"
        for path in DOCUMENTS
        for target, anchor in re.findall(r"\]\((?!https?://|mailto:)([^)#\s]*)#([^)\s]+)\)", prose(path))
        if anchor not in anchors((path.parent / target) if target else path)
    ]

    assert dead == []


def test_what_is_inside_of_a_list_is_indented_by_four() -> None:
    """GitHub shows two or three spaces as it should, and the site shows the inner list as a list of its own."""
    loose = [
        f"{named(path)}: {line}"
        for path in DOCUMENTS
        for before, line in pairwise(prose(path).splitlines())
        if re.match(rf" {{1,3}}(?:{ITEM}|\|)", line) or (not before and re.match(r" {1,3}\S", line))
    ]

    assert loose == []


def test_each_decision_has_its_parts() -> None:
    """What was decided, why, what it costs, and what was not chosen; the list of decisions has its title."""
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    parts = ("**Decided.**", "**Why", "**What it costs.**", "**Not chosen.**")
    lacking = []
    for path in sorted(folder.glob("0*.md")):
        text = path.read_text(encoding="utf-8")
        title = text.partition(". ")[2].partition("\n")[0]
        lacking += [f"{path.name}: {part}" for part in parts if part not in text]
        lacking += [f"README.md: {title}"] if f"({path.name}) | {title} |" not in listed else []

    assert lacking == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """What is committed works anywhere."""
    found = [
        f"{named(path)}: {private}"
        for path in tracked()
        for private in PRIVATE
        if path.suffix not in {".png", ".sum"} and private in path.read_text(encoding="utf-8", errors="ignore")
    ]

    assert found == []


CLIENT_PAGES = ("clients/go/README.md", "clients/rust/README.md", "clients/js/README.md", "docs/python-heartbeats.md")
CLIENT_SECTIONS = [
    "One line", "Progress", "Checkpoints", "Where does it hang?", "Why was I cancelled?", "Tiers and leases",
    "The fence",
]  # fmt: skip


def test_the_clients_are_described_by_one_pattern() -> None:
    """Who knows one client finds the same section of another; what one of them alone has stands beside these."""
    found = {
        page: [
            heading
            for heading in HEADING.findall(CODE.sub("", (ROOT / page).read_text(encoding="utf-8")))
            if heading in CLIENT_SECTIONS
        ]
        for page in CLIENT_PAGES
    }

    assert found == dict.fromkeys(CLIENT_PAGES, CLIENT_SECTIONS)
