"""Whether files have changed: one stat a file, since every request checks it.

Shared by the web configuration and the webhook's token.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

Fingerprint = tuple[int, int, int, int] | None  # None: the file cannot be read


def take_fingerprints(files: Iterable[Path]) -> tuple[Fingerprint, ...]:
    """Equal at two moments where no file was written, replaced, linked anew or given other permissions in between."""
    return tuple(_take_fingerprint(file) for file in files)


def _take_fingerprint(file: Path) -> Fingerprint:
    try:
        found = os.stat(file)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    # The time of the inode as well: a chmod fixes a file without writing it.
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
