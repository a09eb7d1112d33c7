"""Options that filter jobs and rescues, and how moments and spans are printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from pydantic_core import PydanticCustomError

from riverkeeper.config.policy import Policy
from riverkeeper.config.quantity import DURATION
from riverkeeper.formats import moment, span
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.verdict.verdict import STUCK, SUSPECTED

Command = Callable[..., Any]


def scope_options(command: Command) -> Command:
    """--queue, --kind, --tier and --reason, as the labels of an alert are called."""
    reasons = click.Choice(
        [reason.value for reason in (*STUCK, *SUSPECTED)]
    )  # a typo that finds nothing would read as an all-clear
    command = click.option("--reason", type=reasons, metavar="NAME", help="Only this reason, such as worker_lost.")(
        command
    )
    for name in ("tier", "kind", "queue"):
        command = click.option(f"--{name}", metavar="NAME", help=f"Only this {name}.")(command)
    return command


def refuse_unknown_tier(tier: str | None, policy: Policy) -> None:
    """A tier that the configuration does not know has no jobs, whatever its jobs would be. Raises BadParameter."""
    if tier and tier not in policy.tiers:
        known = ", ".join(sorted(policy.tiers))
        raise click.BadParameter(f"there is no tier {tier!r}; the configuration knows {known}", param_hint="--tier")


def scope_of(queue: str | None, kind: str | None, tier: str | None, reason: str | None) -> Scope:
    return Scope(queue or None, kind or None, tier or None, reason or None)


def ago(now: float, then: float | None) -> str:
    """A moment with its distance, or that there is none."""
    return "never" if then is None else f"{span(now - then)} ago ({moment(then)})"


def seconds(_: click.Context, parameter: click.Parameter, value: str) -> float:
    """For an option that is a duration, written as the configuration writes it."""
    try:
        return DURATION.parse(value)
    except PydanticCustomError as error:
        raise click.BadParameter(error.message(), param=parameter) from None
