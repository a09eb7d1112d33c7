"""The keeper schema: its tables, its versions, and what one looks like in a database. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VERSION = 9  # of what the files in migrations/ make
MIN_COMPATIBLE = 1  # the oldest Riverkeeper that may use this version
FENCE_VERSION = 5  # the first version with the fence
RESCUE_VERSION = 6  # the first version with all that the rescuer and its audit need
ATTEMPTS_VERSION = 7  # the first version with the counted attempts
CHECKPOINT_VERSION = 8  # the first version with checkpoints

# What Riverkeeper does with each of its tables. The owner, who runs `schema install`, may do everything.
KEEPER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "ledger": "SELECT, UPDATE",
    "ledger_slot": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_total": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_name": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_attempt": "SELECT, INSERT, UPDATE, DELETE",
    "run_day": "SELECT, INSERT, UPDATE, DELETE",
    "heartbeat": "SELECT, INSERT, UPDATE, DELETE",
    "client": "SELECT, DELETE",
    "checkpoint": "UPDATE (resumes_counted), DELETE",  # and reads CHECKPOINT_COLUMNS
    "control": "SELECT, UPDATE",
    "brake": "SELECT, INSERT, UPDATE",
    "rescue": "SELECT, INSERT, UPDATE, DELETE",
    "wake": "SELECT, INSERT, UPDATE, DELETE",
    "late_result": "SELECT, UPDATE (counted_at), DELETE",
    "stack": "SELECT, DELETE",
}
# The columns that Riverkeeper reads of a checkpoint: never its value, which may be private.
CHECKPOINT_COLUMNS = (
    "job_id", "attempted_at", "attempt", "generation", "number", "saved_at", "bytes", "resumed_at", "resumes",
    "resumes_counted",
)  # fmt: skip
KEEPER_VIEWS = ("fence",)  # PUBLIC may read them
# The columns that Riverkeeper reads of the heartbeat tables. It reads no notes: they may be private.
HEARTBEAT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "heartbeat": (
        "job_id", "attempted_at", "attempt", "instance", "beat_interval", "lease", "beat_at",
        "first_beat_at", "progress_at", "progress", "lost_at", "stop_requested_at", "stack_requested_at", "stack_at",
        "ended_at", "outcome",
    ),
    "client": (
        "instance", "client_id", "beat_at", "beat_interval", "kinds", "fences", "software", "started_at",
        "pod_namespace", "pod_name", "pod_uid", "host",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeeperSchema:
    """A keeper schema and what this login may do with it. Where none is installed, every right is False."""

    name: str
    installed: bool = False
    writable: bool = False  # the ledger
    version: int | None = None  # None: not installed, or this login may not read it
    outdated: bool = False  # this Riverkeeper has migrations that were not applied
    heartbeat: int | None = None  # oid of the heartbeat table; None: there is none, or this login may not read it
    audit: bool = False  # the audit of rescues is there and readable
    learns: bool = False  # the runs by day are there and writable
    control: bool = False  # the control row of all replicas is there and readable
    sweepable: bool = False  # old heartbeats may be deleted
    checkpoints: bool = False  # checkpoints are there and readable, without their values
    checkpoints_sweepable: bool = False
    counts_work: bool = False  # resumed attempts can be counted, and lost work measured
