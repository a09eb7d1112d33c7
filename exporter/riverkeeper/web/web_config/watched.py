"""Have these files changed? Asked at every request, so it costs one stat each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

Print = tuple[int, int, int, int] | None  # None: it cannot be looked at


def prints(files: Iterable[Path]) -> tuple[Print, ...]:
    """Equal for two moments between which nobody wrote, replaced, re-linked or re-permitted one of the files."""
    return tuple(_print(file) for file in files)


def _print(file: Path) -> Print:
    try:
        seen = os.stat(file)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    # The time of the inode as well: a chmod mends a file without writing it.
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
