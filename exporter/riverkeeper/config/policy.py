"""The sections that verdicts and brakes depend on: tiers, rules, limits, heartbeats and rescues. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from riverkeeper.config.option import Section, option
from riverkeeper.config.quantity import Count, Duration, Fraction, Switch
from riverkeeper.config.tiers import (
    DAY,
    AnyMode,
    Assignments,
    LearnedLimits,
    Mode,
    Tiers,
    complete_tiers,
    stricter_mode,
)


@dataclass(frozen=True, slots=True)
class HeartbeatSettings(Section):
    """Heartbeats without the heartbeat table."""

    metadata_interval: Duration = option(
        30.0,
        "The interval of workers that beat by writing `metadata.health_check_at` into their job.",
        least="1s",
        most="1h",
        why="after an hour River's own rescuer takes the job",
        example="1m",
    )


@dataclass(frozen=True, slots=True)
class RescueSettings(Section):
    """How stuck jobs are rescued, and what pauses rescues. The login needs the rescuer's rights (`riverkeeper schema
    grants`).
    """

    mode: AnyMode = option(
        Mode.DRY_RUN,
        "How far rescues go: `disabled`, `dry_run` (judges and records, and changes no job: see `riverkeeper rescue "
        "report`) or `live`. A tier can be stricter, but not less strict.",
        example="live",
    )
    supervisor: Switch = option(
        True,
        "Whether Riverkeeper looks for stuck jobs by itself. false: only after an alert has woken it (`webhook`).",
        example=False,
    )
    interval: Duration = option(
        2.0,
        "How often the supervisor looks for stuck jobs. It verifies the heartbeat path twice as often.",
        least="200ms",
        most="1m",
        why="a job past its limit waits for the next pass; a shorter interval loads the database and gains nothing",
        example="5s",
    )
    batch: Count = option(
        100,
        "At most this many jobs are rescued in one pass.",
        least=1,
        most=100_000,
        why="a pass that takes longer than 5 s starts again with a new reading",
        example=500,
    )
    cooldown: Duration = option(
        300.0,
        "For this time after a rescue, a job is not rescued again.",
        least="0s",
        most="7d",
        why="rescues of a job are counted for a day; a job that needs more needs an operator",
        example="10m",
    )
    max_rescues: Count = option(
        3,
        "A job that was rescued this many times within 24 hours is in a `rescue_loop`, and is not retried again.",
        least=1,
        most=1000,
        why="0 would be `mode: disabled`",
        example=5,
    )
    max_per_minute: Count = option(
        120,
        "At most this many rescues in one minute, by all replicas together. With 120, 10,000 lost jobs take 84 "
        "minutes.",
        least=1,
        most=1_000_000,
        why="0 would be `mode: disabled`",
        example=600,
    )
    max_share: Fraction = option(
        0.5,
        "A mass failure pauses all rescues: when more than this share of the worker processes of the last ten minutes, "
        "and at least three, stop beating at once. A broken network is then more likely than so many deaths.",
        least=0.05,
        most=1.0,
        why="below 0.05 any death is a mass failure; 1 never pauses",
        example=0.8,
    )
    mass_hold: Duration = option(
        300.0,
        "How long a mass failure pauses rescues. A heartbeat or an operator ends the pause earlier (`riverkeeper "
        "rescue release mass_silence`). Rescues then restart slowly: 1, 10, 100 in a pass.",
        least="0s",
        most="1d",
        why="a pause of more than a day would be forgotten",
        example="15m",
    )
    grace: Duration = option(
        60.0,
        "For this time after its start, or after its process was suspended, a replica rescues nothing.",
        least="0s",
        most="1h",
        why="a replica cannot judge heartbeats that it did not watch",
        example="2m",
    )
    stacks: Switch = option(
        True,
        "Whether the worker of a job that hangs or is over its limit is requested to send the stack of the job. It is "
        "requested in every mode, because a request changes no job.",
        example=False,
    )
    audit_retention: Duration = option(
        90 * DAY,
        "Records of rescues are deleted after this time.",
        least="2d",
        most="3650d",
        why="`max_rescues` counts the rescues of a day",
        example="365d",
    )


@dataclass(frozen=True)
class Policy(Section):
    """The sections that decide when a job is stuck, what then happens, and what pauses rescues. Config is a Policy."""

    tiers: Tiers = field(default_factory=lambda: complete_tiers({}))  # `standard` is always there
    assign: Assignments = ()
    learned_limits: LearnedLimits = field(default_factory=LearnedLimits)
    heartbeat: HeartbeatSettings = field(default_factory=HeartbeatSettings)
    rescue: RescueSettings = field(default_factory=RescueSettings)

    @property
    def modes(self) -> dict[str, Mode]:
        """The mode in force, by tier."""
        return {name: stricter_mode(self.rescue.mode, tier.mode) for name, tier in self.tiers.items()}

    @property
    def is_live(self) -> bool:
        """Whether any tier is live: budgets then count rescues, else dry runs."""
        return Mode.LIVE in self.modes.values()
