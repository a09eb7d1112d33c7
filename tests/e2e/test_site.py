"""The site builds without a warning, and each of its links leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from consistency.tree import ROOT


class Page(HTMLParser):
    """The targets of links and pictures of a page, what it fetches, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.targets += [given[name] for name in ("href", "src") if name in given]
        if tag in {"script", "img", "link"} and given.get("rel") != "canonical":
            self.fetched += [given[name] for name in ("href", "src") if name in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it: strict, so that a warning ends it."""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--site-dir", folder], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    """Also those to a part of a page, and those between pages that live in different folders of the repository."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    dead = [
        f"{path.relative_to(site)}: {target}"
        for path, page in pages.items()
        for target in page.targets
        if not _is_there(path, target, pages)
    ]

    assert len(pages) > 60  # the pages of docs/, of runbooks and of decisions
    assert dead == []


def test_no_mark_of_markdown_is_left_in_a_page(site: Path) -> None:
    """A list or table that only GitHub shows, and the site takes for text, has its marks at the start of a line."""
    left = [
        f"{path.relative_to(site)}: {line}"
        for path in site.rglob("*.html")
        for line in re.sub(r"<pre.*?</pre>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL).splitlines()
        if re.match(r"(?:<p>)?(?:\d+\.|[-*]|\|) ", line) or r"\|" in line
    ]

    assert left == []


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    """It is read in an incident, perhaps from a network that reaches nothing else."""
    fetched = {
        f"{path.relative_to(site)}: {target}"
        for path in site.rglob("*.html")
        for target in Page(path.read_text(encoding="utf-8")).fetched
        if urlsplit(target).netloc
    }

    assert sorted(fetched) == []


def _is_there(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return True  # the web's own
    file = (path.parent / unquote(url.path)).resolve() if url.path else path
    file = file / "index.html" if file.is_dir() else file
    return file.exists() and (not url.fragment or unquote(url.fragment) in pages[file].anchors)
