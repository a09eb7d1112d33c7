"""What is known of the keeper schema. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# What is read of the heartbeat tables. Notes of jobs may be private, and nothing here needs them.
HEARTBEAT_COLUMNS: dict[str, tuple[str, ...]] = {
    "heartbeat": (
        "job_id", "attempted_at", "attempt", "instance", "beat_interval", "lease", "beat_at", "progress_at", "progress",
        "lost_at", "stop_requested_at", "ended_at", "outcome",
    ),
    "client": (
        "instance", "client_id", "beat_at", "beat_interval", "kinds", "fences", "software", "started_at",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeeperSchema:
    """The keeper schema as found. Not installed: all False."""

    name: str
    installed: bool = False
    writable: bool = False
    version: int | None = None  # None: not installed, or not to be read
    outdated: bool = False  # this keeper brings migrations that have not been applied
    heartbeat: int | None = None  # oid of the heartbeat table; None: there is none, or this login may not read it
    audit: bool = False  # there is one of rescues, and this login may read it
    learns: bool = False  # it remembers runs by day, and this login may write them
    control: bool = False  # the same of what binds every replica
    sweepable: bool = False  # it is there, and this login may delete from it


def default_name(river_schema: str | None) -> str:
    """`riverkeeper`, or `<river_schema>_riverkeeper` when a River schema is named."""
    return f"{river_schema}_riverkeeper" if river_schema else "riverkeeper"
