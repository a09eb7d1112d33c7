"""What dashboards need to know about the place where they are shown, and their permanent names. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RUNBOOKS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks"


@dataclass(frozen=True, slots=True)
class DashboardScope:
    """The defaults are those of the committed files."""

    replica_labels: tuple[str, ...] = (
        "instance",
        "pod",
    )  # labels in which two replicas that watch the same River differ
    keeper_url: str = ""  # of Riverkeeper, as a browser reaches it; can be set on the board
    runbooks: str = RUNBOOKS  # the folder of <Alert>.md


OVERVIEW = "riverkeeper-overview"
KIND = "riverkeeper-kind"
RESCUE = "riverkeeper-rescue"
