"""The sections that verdicts and brakes go by: tiers and rules, heartbeats, and how far rescues go. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from riverkeeper.config.option import Section, option
from riverkeeper.config.quantity import Count, Duration, Fraction, Switch
from riverkeeper.config.tiers import DAY, AnyMode, Assignments, LearnedLimits, Mode, Tiers, complete, stricter_mode


@dataclass(frozen=True, slots=True)
class HeartbeatSettings(Section):
    """How workers prove that they live."""

    metadata_interval: Duration = option(
        30.0,
        "How often workers that beat by `metadata.health_check_at` write it.",
        least="1s",
        most="1h",
        why="after an hour River's own rescuer takes the job",
        example="1m",
    )


@dataclass(frozen=True, slots=True)
class RescueSettings(Section):
    """What is done about stuck jobs, and what holds it. The rescuer needs a login with its rights (`schema grants`)."""

    mode: AnyMode = option(
        Mode.DRY_RUN,
        "`disabled`, `dry_run` (judges and records, and changes no job: see `riverkeeper rescue report`) or `live`. A "
        "tier can be stricter, never less strict.",
        example="live",
    )
    supervisor: Switch = option(
        True,
        "Whether the keeper looks for stuck jobs itself. false: it acts only when an alert wakes it (`webhook`).",
        example=False,
    )
    interval: Duration = option(
        2.0,
        "How often the supervisor looks; twice as often it proves that beats get through.",
        least="200ms",
        most="1m",
        why="more often costs the database more than it gains; a job waits for it after its limit has passed",
        example="5s",
    )
    batch: Count = option(
        100,
        "The most jobs that are rescued in one look.",
        least=1,
        most=100_000,
        why="a pass that takes longer than 5 s begins anew with a fresh reading",
        example=500,
    )
    cooldown: Duration = option(
        300.0,
        "A job that was rescued is left alone for so long.",
        least="0s",
        most="7d",
        why="the audit counts rescues of a job for a day; a job that needs more is for a person",
        example="10m",
    )
    max_rescues: Count = option(
        3,
        "A job that was rescued so often within 24 hours is a `rescue_loop`, and not retried again.",
        least=1,
        most=1000,
        why="0 would be `mode: disabled`",
        example=5,
    )
    max_per_minute: Count = option(
        120,
        "The most rescues in one minute, over all replicas: 10,000 lost jobs take 84 minutes.",
        least=1,
        most=1_000_000,
        why="0 would be `mode: disabled`",
        example=600,
    )
    max_share: Fraction = option(
        0.5,
        "When more than this share of the client instances that beat in the last ten minutes falls silent at once, and "
        "at least three, nothing is rescued for a while: rather the measurement is wrong.",
        least=0.05,
        most=1.0,
        why="below, any death is a mass event; 1 never holds",
        example=0.8,
    )
    mass_hold: Duration = option(
        300.0,
        "How long that lasts, unless an instance beats or a person releases it (`riverkeeper rescue release "
        "mass_silence`). Then rescues begin slowly: 1, 10, 100 in a look.",
        least="0s",
        most="1d",
        why="longer than a day nobody would remember it",
        example="15m",
    )
    grace: Duration = option(
        60.0,
        "How long a keeper only looks on after its start, or after it stood still.",
        least="0s",
        most="1h",
        why="what it has not watched it cannot judge; promises about time hold after it",
        example="2m",
    )
    audit_retention: Duration = option(
        90 * DAY,
        "How long rows of the audit are kept.",
        least="2d",
        most="3650d",
        why="budgets per job look back a day",
        example="365d",
    )


@dataclass(frozen=True)
class Policy(Section):
    """The sections that say when a job is stuck, what is done then, and what holds that."""

    tiers: Tiers = field(default_factory=lambda: complete({}))  # `standard` is always there
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
        """Whether any tier is: budgets then count rescues, else dry runs."""
        return Mode.LIVE in self.modes.values()
