"""The section `rescue`: how far the rescuer goes, how often it looks, and what holds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Strict

from riverkeeper.brakes.heartbeat_path import patience
from riverkeeper.brakes.rules import Restraints
from riverkeeper.config.option import Section, option
from riverkeeper.config.problem import wrong
from riverkeeper.config.quantity import Duration
from riverkeeper.config.values import Count
from riverkeeper.verdict.tiers import Tier
from riverkeeper.verdict.words import Mode


def _word(given: object) -> object:
    """Text alone is looked up among the modes: what else is given is not written out, however large it may be."""
    if isinstance(given, str):
        return given
    raise wrong("is not a mode", "write disabled, dry_run or live")


Word = Annotated[Mode, BeforeValidator(_word)]
Switch = Annotated[bool, Strict()]  # "no" and 0 are no booleans
Share = Annotated[float, Strict()]


class Rescue(Section):
    """What is done about stuck jobs, and what holds it. The rescuer needs a login with its rights (`schema grants`)."""

    mode: Word = option(
        "dry_run",
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
        "2s",
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
        "5m",
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
    max_share: Share = option(
        0.5,
        "When more than this share of the client instances that beat in the last ten minutes falls silent at once, and "
        "at least three, nothing is rescued for a while: rather the measurement is wrong.",
        least=0.05,
        most=1.0,
        why="below, any death is a mass event; 1 never holds",
        example=0.8,
    )
    mass_hold: Duration = option(
        "5m",
        "How long that lasts, unless an instance beats or a person releases it (`riverkeeper rescue release "
        "mass_silence`). Then rescues begin slowly: 1, 10, 100 in a look.",
        least="0s",
        most="1d",
        why="longer than a day nobody would remember it",
        example="15m",
    )
    grace: Duration = option(
        "1m",
        "How long a keeper only looks on after its start, or after it stood still.",
        least="0s",
        most="1h",
        why="what it has not watched it cannot judge; promises about time hold after it",
        example="2m",
    )
    audit_retention: Duration = option(
        "90d",
        "How long rows of the audit are kept.",
        least="2d",
        most="3650d",
        why="budgets per job look back a day",
        example="365d",
    )

    def restraints(self, tiers: Iterable[Tier]) -> Restraints:
        """The settings of the brakes."""
        return Restraints(
            self.cooldown,
            self.max_rescues,
            self.max_per_minute,
            self.max_share,
            self.mass_hold,
            self.grace,
            patience(self.interval, tiers),
        )
