"""The words of a verdict and of what is done about it: reasons, limits, actions, modes. Pure."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a running job; OK and UNKNOWN say that nothing is, or that nothing is known."""

    OK = "ok"
    UNKNOWN = "unknown"
    WORKER_LOST = "worker_lost"
    ORPHANED = "orphaned"
    HUNG = "hung"
    OVER_BUDGET = "over_budget"
    RESCUE_LOOP = "rescue_loop"
    WORKER_SUSPECT = "worker_suspect"

    @property
    def is_stuck(self) -> bool:
        return self not in {Reason.OK, Reason.UNKNOWN}


STUCK = tuple(reason for reason in Reason if reason.is_stuck)


class LimitName(StrEnum):
    """Which limit; the label values of river_job_limit_seconds."""

    HEARTBEAT = "heartbeat"
    PROGRESS = "progress"
    RUN = "run"
    WAIT = "wait"
    SILENCE = "silence"


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
