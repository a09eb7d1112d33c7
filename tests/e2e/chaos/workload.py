"""The jobs of a run: how long each works, how it ends, and whether it has an effect. Drawn from a seed. Pure."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass

# Most jobs are shorter than the interval of a beat: they end before a beat has named them.
DURATIONS = ((65, 150, 900), (22, 1_500, 6_000), (13, 8_000, 30_000))  # weight, milliseconds
SHORT_MILLISECONDS = 900
LATER = (4_000, 30_000)  # milliseconds of an attempt after the first: a late result has something to hit
ENDS = {"completed": 78, "failed": 7, "panicked": 4, "snoozed": 5, "cancelled": 6}
EFFECTS = {"none": 60, "held": 20, "whole": 20}
DEAF_SHARE = 0.3  # of the jobs without a lease; a lease is only kept by a job that stops when it is cancelled


@dataclass(frozen=True, slots=True)
class Job:
    """One job to insert, `at` seconds after the start of the run."""

    at: float
    queue: str
    args: str  # JSON of the fleet's `journaled`


def draw_jobs(seed: int, seconds: float, rate: float, leased_share: float) -> list[Job]:
    """Jobs of a whole run, `rate` a second."""
    chance = random.Random(seed + 1)
    jobs: list[Job] = []
    at = 0.0
    while at < seconds:
        leased = chance.random() < leased_share
        jobs.append(Job(at, "leased" if leased else "free", json.dumps(_arguments(chance, leased))))
        at += chance.expovariate(rate)
    return jobs


def _arguments(chance: random.Random, leased: bool) -> dict[str, object]:
    [(_, least, most)] = chance.choices(DURATIONS, [weight for weight, _, _ in DURATIONS])
    [end] = chance.choices(list(ENDS), list(ENDS.values()))
    [effect] = chance.choices(list(EFFECTS), list(EFFECTS.values()))
    return {
        "milliseconds": chance.randint(least, most),
        "later": round(math.exp(chance.uniform(*map(math.log, LATER)))),
        "end": "completed" if effect == "whole" else end,
        "effect": effect,
        "deaf": not leased and chance.random() < DEAF_SHARE,
    }
