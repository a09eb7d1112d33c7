"""What dashboards need to know about the place where they are shown, and their permanent names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OBJECTIVE = 0.99  # of tiers that have none of their own
RUNBOOKS = "https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks"


@dataclass(frozen=True, slots=True)
class DashboardScope:
    """The defaults are those of the committed files."""

    # Labels in which two replicas that watch the same River differ.
    replica_labels: tuple[str, ...] = ("instance", "pod")
    keeper_url: str = ""  # of Riverkeeper, as a browser reaches it; can be set on the board
    runbooks: str = RUNBOOKS  # the folder of <Alert>.md
    # By tier, as the alerts have them: the share of jobs that should start in time, and that should not be lost.
    wait_objectives: Mapping[str, float] = field(default_factory=dict)
    loss_objectives: Mapping[str, float] = field(default_factory=dict)


# Where no address is known. A click on a link shows this name in the browser, which names what to set;
# localhost would show whatever runs on the reader's own machine.
NO_ADDRESS = "https://set-assets-keeper-url.invalid"

# Beside job: labels in which two Rivers may differ. A label that the series lack is chosen as empty.
RIVER_LABELS = ("cluster", "namespace")
RIVER_NAME = (*RIVER_LABELS, "job")

FLEET = "riverkeeper-fleet"
OVERVIEW = "riverkeeper-overview"
KIND = "riverkeeper-kind"
RESCUE = "riverkeeper-rescue"
