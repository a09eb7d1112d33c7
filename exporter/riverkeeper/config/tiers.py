"""Sections `tiers`, `assign` and `learned_limits`: when a job is stuck, and what is done then. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Strict, ValidatorFunctionWrapHandler, WrapValidator

from riverkeeper.config.option import Section, hidden, option
from riverkeeper.config.problem import mistake, quote
from riverkeeper.config.quantity import Count, Duration, Fraction, Switch, choice

STANDARD = "standard"
# River's own default is priority 1, its highest: a job inserted without a priority has 1, so 1 must not mean urgent.
# docs/decisions/0010-tiers-by-priority.md
BY_PRIORITY = {1: STANDARD, 2: STANDARD, 3: "patient", 4: "bulk"}
MAX_TIERS = 16  # each tier adds series and alerts, and an operator cannot tell more of them apart
MAX_RULES = 500  # every (queue, kind, priority) is matched with them at each reading
DAY = 86_400.0  # seconds
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


class Action(StrEnum):
    """What the policy does with a stuck job."""

    RETRY = "retry"
    DISCARD = "discard"
    CANCEL = "cancel"
    HOLD = "hold"


class Mode(StrEnum):
    """How far the rescuer goes; of two modes the one that stands first here is the stricter."""

    DISABLED = "disabled"
    DRY_RUN = "dry_run"
    LIVE = "live"


def stricter_mode(mode: Mode, other: Mode | None) -> Mode:
    """The stricter of the global mode and a tier's own, which may be None."""
    order = list(Mode)
    return mode if other is None else min(mode, other, key=order.index)


AnyAction = Annotated[Action, choice(*Action)]
LastAction = Annotated[Action, choice(Action.HOLD, Action.DISCARD)]  # where a retry or a cancel makes no sense
DeadAction = Annotated[Action, choice(Action.RETRY, Action.HOLD)]  # nobody is left who could cancel it
AnyMode = Annotated[Mode, choice(*Mode)]
_ACTIONS = "`retry`, `discard`, `cancel` or `hold` (only alerts)."
_AN_HOUR = "after an hour River's own rescuer takes the job"


@dataclass(frozen=True, slots=True)
class Tier(Section):
    """When a job of a tier is stuck, and what is done then. The key is the name of the tier. A tier takes each key that
    it does not set from `standard`. `standard`, `urgent`, `patient` and `bulk` are built in. You can change them and
    add your own, up to 16 together.
    """

    name: str = hidden("")  # the key under which it stands in the file
    heartbeat_timeout: Duration = option(
        35.0,
        "A job is stuck when its last heartbeat is older than this. The limit in force is at least three of the "
        "intervals that the client declares, and at least its lease + `drain`.",
        least="1500ms",
        most="24h",
        why="three intervals of 500 ms, the shortest that a client should declare; a day is longer than River waits",
        example="1m",
    )
    drain: Duration = option(
        10.0,
        "How long cancelled work may take to stop, after the lease of its client has ended.",
        least="0s",
        most="1h",
        why=_AN_HOUR,
        example="5s",
    )
    fence: Duration = option(
        10.0,
        "The next attempt begins at least this long after the rescue, so that the previous worker can stop. It begins "
        "at once if the worker's client reported that it gave the job up.",
        least="0s",
        most="1h",
        why="longer is later than River's own rescuer",
        example="5s",
    )
    plain_fence: Duration = option(
        60.0,
        "The same time for clients whose late results the database does not drop. At least `fence`.",
        least="0s",
        most="1h",
        why="longer is later than River's own rescuer",
        example="2m",
    )
    progress_timeout: Duration | None = option(
        None,
        "A job that beats and has reported progress is hung when it reports none for this long. null: never.",
        least="1500ms",
        most="7d",
        why="progress travels with the heartbeats: three of the shortest intervals",
        example="10m",
    )
    stop_grace: Duration = option(
        60.0,
        "A hung job first receives a request to stop. It is rescued if it still runs this long afterwards.",
        least="0s",
        most="24h",
        why="a job that needs a day to stop is not stopping",
        example="30s",
    )
    max_run: Duration | None = option(
        None,
        "A job that runs longer is over its budget. null: the limit is learned from completed runs (`learned_limits`).",
        least="1s",
        most="30d",
        why="a run shorter than a second ends before it can be judged",
        example="2h",
    )
    max_wait: Duration | None = option(
        300.0,
        "A due job of this tier should start within this time. The limit holds for a queue and priority, not for a "
        "kind: see `assign`. null: no limit.",
        least="1s",
        most="30d",
        why="workers fetch jobs once a second",
        example="30s",
    )
    max_silence: Duration | None = option(
        None,
        "Each kind of this tier should finish a job within this time, again and again. For periodic kinds. null: no "
        "limit.",
        least="10s",
        most="90d",
        why="finished jobs are counted in slots of ten seconds",
        example="25h",
    )
    on_exhausted: LastAction = option(
        Action.HOLD,
        "If the worker is lost in the last attempt: `hold` (only alerts), or `discard` as River does.",
        example="discard",
    )
    on_worker_lost: AnyAction = option(
        Action.RETRY, f"If the worker is lost, or no worker holds the job: {_ACTIONS}", example="hold"
    )
    on_worker_dead: DeadAction | None = option(
        None,
        "If Kubernetes shows that the process of the worker has ended (`kubernetes`): `retry` or `hold` (only alerts). "
        "null: `retry` if the worker sent heartbeats, else `hold`.",
        example="retry",
    )
    on_hung: AnyAction = option(
        Action.RETRY, f"If the job hangs, after the request to stop: {_ACTIONS}", example="hold"
    )
    on_over_budget: AnyAction = option(Action.HOLD, f"If the job runs too long: {_ACTIONS}", example="retry")
    on_rescue_loop: LastAction = option(
        Action.HOLD,
        "If the job was rescued `rescue.max_rescues` times within a day: `hold` or `discard`.",
        example="discard",
    )
    mode: AnyMode | None = option(
        None,
        "How far rescues go in this tier: `disabled`, `dry_run` or `live`. The stricter of this and `rescue.mode` is "
        "in force. null: `rescue.mode`.",
        example="live",
    )


# As written in a file. docs/decisions/0010-tiers-by-priority.md has the reasons.
SHIPPED: dict[str, dict[str, object]] = {
    STANDARD: {},
    "urgent": {"heartbeat_timeout": "7s", "drain": "2s", "fence": "3s", "max_wait": "30s"},
    "patient": {"heartbeat_timeout": "2m", "drain": "30s", "max_wait": "1h"},
    "bulk": {"heartbeat_timeout": "5m", "drain": "30s", "max_wait": "24h"},
}


def keys_by_tier(written: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By tier, the keys that it does not take from `standard`, as written in the file."""
    names = {**SHIPPED, **written}
    return {name: {**SHIPPED.get(name, {}), **(written.get(name) or {})} for name in names}


def complete_tiers(written: Mapping[str, Any]) -> dict[str, Tier]:
    """Every tier with all its keys: its own, else those of `standard`. Each written tier must be valid by itself."""
    own = keys_by_tier(written)
    return {name: Tier.from_tree({**own[STANDARD], **keys, "name": name}) for name, keys in own.items()}


def find_inherited_origin(origins: Mapping[str, str], key: str) -> str | None:
    """Where the value of a key such as `tiers.urgent.fence` came from, if it is taken from a `standard` of the file."""
    section, _, rest = key.partition(".")
    name, _, option_name = rest.partition(".")
    if section != "tiers" or option_name in SHIPPED.get(name, {}):
        return None
    return origins.get(f"tiers.{STANDARD}.{option_name}")


def _tier_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise mistake(f"{quote(name)} is not a name for a tier", "write at most 30 of a-z, 0-9 and _, a letter first")
    return name


def _nameless(tier: Tier) -> Tier:
    if tier.name:
        raise mistake("unknown key", "remove it: the key above it is the name of the tier", "name")
    return tier


def _complete(written: Any, check_each: ValidatorFunctionWrapHandler) -> dict[str, Tier]:
    tiers = check_each(written)
    if len({**SHIPPED, **tiers}) > MAX_TIERS:
        raise mistake(
            f"more than {MAX_TIERS} tiers", f"keep at most {MAX_TIERS - len(SHIPPED)} beside the built-in ones"
        )
    return complete_tiers(written)


TierName = Annotated[str, AfterValidator(_tier_name)]
Tiers = Annotated[dict[TierName, Annotated[Tier, AfterValidator(_nameless)]], WrapValidator(_complete)]


def _glob(text: str) -> str:
    if not text or len(text) > 200:  # River refuses a queue or kind of 128 characters and more
        raise mistake("is empty or longer than 200 characters", "write a name, or a glob such as report_*")
    return text


Glob = Annotated[str, Strict(), AfterValidator(_glob)]


@dataclass(frozen=True, slots=True)
class Assignment(Section):
    """Puts jobs into tiers: a list of rules, of which the first that matches a job applies. A job without a matching
    rule has its tier by River's priority: 1 (River's default) and 2 `standard`, 3 `patient`, 4 `bulk`. In `kind` and
    `queue`, `*` stands for any text and `?` for one character. `max_wait` applies to a queue and priority, by the rules
    without `kind`.
    """

    tier: str = option(..., "The tier of the jobs that match: a built-in one, or one of `tiers`.", example="urgent")
    kind: Glob | None = option(None, "Only jobs of these kinds. null: all.", example="report_*")
    queue: Glob | None = option(None, "Only jobs of these queues. null: all.", example="bulk")
    priority: Count | None = option(
        None, "Only jobs of this priority. null: all.", least=1, most=4, why="River has no other priorities", example=4
    )


def _few_rules(rules: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
    if len(rules) > MAX_RULES:
        raise mistake(f"more than {MAX_RULES} rules", "combine kinds by globs such as report_*")
    return rules


Assignments = Annotated[tuple[Assignment, ...], AfterValidator(_few_rules)]


@dataclass(frozen=True, slots=True)
class LearnedLimits(Section):
    """How long a job may run if its tier has no `max_run`: a quantile of the completed runs of its kind, times a
    factor. `riverkeeper limits KIND` shows how the limit is calculated.
    """

    enabled: Switch = option(True, "Whether limits are learned.", example=False)
    quantile: Fraction = option(
        0.99,
        "The quantile of the completed runs.",
        least=0.5,
        most=0.9999,
        why="at 0.5 half of the runs are longer; above 0.9999 hardly any run is",
        example=0.95,
    )
    factor: Fraction = option(
        3.0,
        "The limit is the quantile times this factor.",
        least=1.0,
        most=1000.0,
        why="below 1 the limit would stop runs like those that it was learned from",
        example=5.0,
    )
    floor: Duration = option(
        300.0,
        "No learned limit is shorter.",
        least="1s",
        most="30d",
        why="a run shorter than a second ends before it can be judged",
        example="1m",
    )
    ceiling: Duration = option(
        86400.0,
        "No learned limit is longer.",
        least="1s",
        most="30d",
        why="a run shorter than a second ends before it can be judged",
        example="6h",
    )
    min_samples: Count = option(
        100,
        "A kind has no learned limit before this many completed runs.",
        least=10,
        most=1_000_000,
        why="a quantile of a few runs is the longest of them",
        example=1000,
    )
    window: Duration = option(
        7 * DAY,
        "Runs of this period count. The limit uses the larger of two quantiles: that of this window, and that of today "
        "with yesterday (UTC).",
        least="24h",
        most="30d",
        why="runs are counted by day, for a month",
        example="14d",
    )
