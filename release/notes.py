"""Prints the notes of a release: its part of CHANGELOG.md, and how to verify it. `python release/notes.py 0.1.0`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = "https://github.com/riverkeeper/riverkeeper/blob/v{version}"


def notes(version: str) -> str:
    """Links lead to the files as they were at this version: on the release's page a relative link leads nowhere."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)} .*?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"CHANGELOG.md has no part '## {version} - <date>'")
    verify = f"\nHow to verify what you download: [SECURITY.md]({SITE}/SECURITY.md#verify-what-you-downloaded).\n"
    return (absolute(found[1].strip()) + "\n" + verify).replace("{version}", version)


def absolute(text: str) -> str:
    return re.sub(r"\]\((?!https?://|#)", f"]({SITE}/", text)


if __name__ == "__main__":
    print(notes(sys.argv[1]), end="")
