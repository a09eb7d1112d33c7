"""What dashboards must know of the place they are shown in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RUNBOOKS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks"


@dataclass(frozen=True, slots=True)
class Scope:
    """The defaults are those of the committed files."""

    replica_labels: tuple[str, ...] = ("instance", "pod")  # labels in which two replicas of one keeper differ
    keeper_url: str = "http://localhost:9816"  # where a browser finds the keeper's pages; can be changed on the board
    runbooks: str = RUNBOOKS  # the folder of <Alert>.md
