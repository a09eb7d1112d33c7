"""Which files of the repository are pages of the site, and where a link between them leads there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "https://github.com/riverkeeper/riverkeeper"
# Pages that live beside what they describe, so that a reader of the repository finds them there.
OUTSIDE = {
    "README.md": "index.md",
    **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")},
    **{name: name for name in ("alerts/README.md", "dashboards/README.md")},
    **{
        name: name
        for name in (
            "clients/CONTRACT.md",
            "clients/psql.md",
            "clients/go/README.md",
            "clients/js/README.md",
            "clients/rust/README.md",
        )
    },
}
LINK = re.compile(r"(\]\()(?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]+)?(?=\))")
FENCE = re.compile(r" *```")
ITEM = re.compile(r"(?:[-*]|\d+\.) ")


def repository_path(page: str) -> str:
    """Where the text of a page of the site is in the repository."""
    return next((path for path, name in OUTSIDE.items() if name == page), f"docs/{page}")


def site_link(page: str, target: str) -> str:
    """The link of a page to another file: to a page or picture of the site, or to the source on the web."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(repository_path(page)), target))
    if (ROOT / path).is_dir():
        path = f"{path}/README.md" if f"{path}/README.md" in OUTSIDE else path
    if path in OUTSIDE or path.startswith("docs/"):
        return posixpath.relpath(OUTSIDE.get(path, path.removeprefix("docs/")), posixpath.dirname(page) or ".")
    return f"{SOURCE}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"


def site_markdown(page: str, text: str) -> str:
    """A page as Python-Markdown reads it: its links lead to the site, and an empty line stands before each list."""
    written: list[str] = []
    in_code = False
    for line in text.splitlines():
        in_code ^= bool(FENCE.match(line))
        if ITEM.match(line) and written and re.match(r"[^\s#|>]", written[-1]) and not ITEM.match(written[-1]):
            written += [] if in_code else [""]
        written.append(line if in_code else LINK.sub(lambda m: f"{m[1]}{site_link(page, m[2])}{m[3] or ''}", line))
    return "\n".join(written)


def pages_of(folder: str) -> list[str]:
    """All pages of a folder of docs/: its README, then the others in the order in which that names them."""
    readme = (ROOT / "docs" / folder / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([\w-]+\.md)\)", readme)
    others = sorted(path.name for path in (ROOT / "docs" / folder).glob("*.md"))
    return [f"{folder}{name}" for name in dict.fromkeys(["README.md", *named, *others])]


# MkDocs calls the functions below; it does so by their names and the names of their parameters.


def on_config(config: MutableMapping[str, Any]) -> None:
    """An entry of the navigation that names a folder becomes the pages of the folder."""
    config["nav"] = [
        {title: pages_of(entry) if isinstance(entry, str) and entry.endswith("/") else entry}
        for each in config["nav"]
        for title, entry in each.items()
    ]


def on_files(files: Files, config: Any) -> None:
    """The pages that live outside of docs/ are added, with the pictures that they show."""
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))


def on_page_markdown(markdown: str, page: Any, **_: Mapping[str, Any]) -> str:
    """Each page gets the links of the site."""
    return site_markdown(page.file.src_uri, markdown)
