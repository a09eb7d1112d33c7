"""The navigation of the site has every page. tests/e2e/test_site.py builds the site."""

from __future__ import annotations

import re

from consistency.tree import ROOT

CONFIGURATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
WHOLE_FOLDERS = ("runbooks/", "decisions/")  # named as such; docs/theme/pages.py lists their pages


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    """A page that nothing leads to is not read."""
    listed = re.findall(r"^ +- .*: (\S+\.md)$", CONFIGURATION, re.MULTILINE)
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    missing = [page for page in pages if not page.startswith(WHOLE_FOLDERS) and page not in listed]

    assert missing == []
    assert len(listed) == len(set(listed))


def test_every_page_of_the_navigation_exists() -> None:
    """Those outside of docs/ are named in docs/theme/pages.py, with their place on the site."""
    outside = re.search(r"OUTSIDE = \{(.*?)\n\}", (ROOT / "docs/theme/pages.py").read_text(encoding="utf-8"), re.DOTALL)
    assert outside
    known = re.findall(r'"(\S+\.md)"', outside[1])
    listed = re.findall(r"^ +- .*: (\S+\.md)$", CONFIGURATION, re.MULTILINE)

    assert [page for page in listed if page not in known and not (ROOT / "docs" / page).exists()] == []
