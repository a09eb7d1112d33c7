"""The journals of the workers, read while they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from e2e.chaos.record import Entry


@dataclass(slots=True)
class Tail:
    """Reads what was added to a journal since the last look; a line that is not whole waits for the next."""

    file: Path
    offset: int = 0
    rest: bytes = field(default=b"")

    def read(self) -> Iterator[Entry]:
        if not self.file.exists():
            return
        with self.file.open("rb") as journal:
            journal.seek(self.offset)
            added = journal.read()
        self.offset += len(added)
        *lines, self.rest = (self.rest + added).split(b"\n")
        for line in lines:
            yield Entry(**json.loads(line))


def read_journals(folder: Path) -> tuple[list[Entry], dict[str, list[float]]]:
    """All entries of a folder in order of time, and the pulses of each client."""
    entries: list[Entry] = []
    pulses: dict[str, list[float]] = {}
    for file in sorted(folder.glob("*.journal")):
        for entry in Tail(file).read():
            if entry.event == "pulse":
                pulses.setdefault(entry.client, []).append(entry.at)
            else:
                entries.append(entry)
    return sorted(entries, key=lambda entry: entry.at), pulses
