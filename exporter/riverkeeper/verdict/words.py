"""The words of a verdict and of what is done about it: reasons, limits, actions, modes. Pure."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a running job; OK and UNKNOWN say that nothing is, or that nothing is known.

    The last group is suspected: the job may be stuck, and the evidence is short of proof.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    WORKER_LOST = "worker_lost"
    ABANDONED = "abandoned"
    ORPHANED = "orphaned"
    HUNG = "hung"
    OVER_BUDGET = "over_budget"
    RESCUE_LOOP = "rescue_loop"
    PATH_UNVERIFIED = "path_unverified"
    BEATS_MISSING = "beats_missing"
    WORKER_SUSPECT = "worker_suspect"

    @property
    def is_reported(self) -> bool:
        """Reported by the worker's own side, so that no missed heartbeat needs to be believed."""
        return self is Reason.ABANDONED

    @property
    def is_suspected(self) -> bool:
        return self in {Reason.PATH_UNVERIFIED, Reason.BEATS_MISSING, Reason.WORKER_SUSPECT}

    @property
    def is_stuck(self) -> bool:
        return self not in {Reason.OK, Reason.UNKNOWN} and not self.is_suspected


STUCK = tuple(reason for reason in Reason if reason.is_stuck)
SUSPECTED = tuple(reason for reason in Reason if reason.is_suspected)
# The job did nothing wrong: its worker is gone, or gave it up.
WORKERS_FAULT = frozenset({Reason.WORKER_LOST, Reason.ABANDONED, Reason.ORPHANED})


class LimitName(StrEnum):
    """Which limit; the label values of river_job_limit_seconds."""

    HEARTBEAT = "heartbeat"
    PROGRESS = "progress"
    RUN = "run"
    WAIT = "wait"
    SILENCE = "silence"
    RESULT = "result"  # how long the result of work that ended may take to reach the job's row


class Action(StrEnum):
    """What policy says is to be done with a stuck job."""

    RETRY = "retry"
    DISCARD = "discard"
    CANCEL = "cancel"
    HOLD = "hold"


class Mode(StrEnum):
    """How far the rescuer goes; of two modes the one that stands first here is the stricter."""

    DISABLED = "disabled"
    DRY_RUN = "dry_run"
    LIVE = "live"


def stricter(one: Mode, other: Mode | None) -> Mode:
    """The stricter of the global mode and a tier's own, which may be None."""
    order = list(Mode)
    return one if other is None else min(one, other, key=order.index)
