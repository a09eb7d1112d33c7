"""`riverkeeper status`, `stop`, `resume` and `brake release`: how the rescuer stands, and a person's hand on it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from riverkeeper.brakes import control
from riverkeeper.brakes.control import Status
from riverkeeper.brakes.heartbeat_path import NOBODY_VERIFIES
from riverkeeper.brakes.state import Brake
from riverkeeper.cli.once import read_once
from riverkeeper.cli.options import WRONG_USE, database_options, give_up
from riverkeeper.cli.told import ago
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.person import brakes_of, proven_path, who
from riverkeeper.rescue.rules import rules_of
from riverkeeper.schema.open import visit
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.words import Mode
from riverkeeper.web.pages.formats import moment, rfc3339, span
from riverkeeper.web.pages.status import judged_facts

SECONDS = 10.0
# The others hold by what they see, and let go by themselves.
RELEASED_BY_ITSELF = {
    Brake.RATE: "it lets go when the minute is over; rescue.max_per_minute raises it",
    Brake.GRACE: "it lets go by itself, rescue.grace after the keeper's start",
    Brake.STALE_SNAPSHOT: "it lets go with the next good reading; see `riverkeeper check`",
}


@click.command()
@database_options
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def status(config: Config, as_json: bool) -> None:
    """Say how the rescuer stands: mode, brakes, who acts, the heartbeat path, wakes, the last rescue, stuck jobs.

    Exit code 1 if it cannot be found out.
    """
    try:
        with visit(config, SECONDS) as tx:
            found = control.read_status(tx)
    except DatabaseError as error:
        give_up(error)
    path = proven_path(config, found)
    if as_json:
        click.echo(json.dumps(_as_json(config, found, path), indent=2))
    else:
        for word, value in (*_facts(config, found, path), *_jobs(read_once(config))):
            click.echo(f"{f'{word}:' if word else '':<15} {value}")


def _facts(config: Config, found: Status, path: float | None) -> Iterator[tuple[str, str]]:
    yield from _modes(config, found)
    if path is None:
        yield "hold", f"heartbeat_path: not verified, so that missed heartbeats do not count: {path_why(found)}"
    for brake, sentence in brakes_of(found).items() or [("none", "engaged in the tables")]:
        yield "brake", f"{brake} {sentence}" if brake == "none" else f"{brake}: {sentence}"
    for one in found.engaged:
        if one.released:
            yield "brake", f"{one.name}: released, let go at the next tick of the actor"
    if found.resumed and not found.stop:
        yield "resumed", f"by {found.resumed.by} {ago(found.now, found.resumed.at)} ({found.resumed.stop})"
    yield "actor", f"{found.actor}, last at work {ago(found.now, found.actor_at)}" if found.actor else "nobody yet"
    if path is not None:
        yield "heartbeat path", f"verified since {moment(path)} ({span(found.now - path)} ago)"
    yield "wakes", f"{found.wakes_open} open"
    yield "last rescue", ago(found.now, found.last_rescue_at)
    yield "last dry run", ago(found.now, found.last_dry_run_at)


def _modes(config: Config, found: Status) -> Iterator[tuple[str, str]]:
    """Those of the replica that acts, which may have another configuration than this command."""
    ours = rules_of(config).modes
    modes, whose = (found.modes, "the replica that acted last") if found.modes else (ours, "this configuration")
    for mode in Mode:
        tiers = ", ".join(tier for tier, one in modes.items() if one is mode)
        if tiers:
            yield "mode", f"{mode.value} in {tiers} (by {whose})"
    if modes != ours:
        yield "", "this command was given another configuration (--config): its modes are not in force"


def _jobs(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """How many jobs are stuck or suspected; what cannot be found out is said, and never 0."""
    if snapshot.judged is None:
        yield "stuck jobs", f"not known: {snapshot.error or 'running jobs could not be judged'}"
        return
    for word, value, _ in judged_facts(snapshot):
        if word != "Heartbeat path":
            yield word.lower(), value


def path_why(found: Status) -> str:
    """Why the heartbeat path is not verified."""
    return found.path_why if found.path_ok_since is None and found.path_why else NOBODY_VERIFIES


def _as_json(config: Config, found: Status, path: float | None) -> dict[str, object]:
    return {
        "now": rfc3339(found.now),
        "modes": {tier: mode.value for tier, mode in (found.modes or rules_of(config).modes).items()},
        "brakes": {brake.value: sentence for brake, sentence in brakes_of(found).items()},
        "stopped_at": rfc3339(found.stop.at) if found.stop else None,
        "stopped_by": found.stop.by if found.stop else None,
        "stopped_why": found.stop.why if found.stop else None,
        "resumed_at": rfc3339(found.resumed.at) if found.resumed else None,
        "resumed_by": found.resumed.by if found.resumed else None,
        "actor": found.actor,
        "actor_at": rfc3339(found.actor_at),
        "path_ok_since": rfc3339(path),
        "path_why": path_why(found) if path is None else None,
        "wakes_open": found.wakes_open,
        "last_rescue_at": rfc3339(found.last_rescue_at),
        "last_dry_run_at": rfc3339(found.last_dry_run_at),
    }


@click.command()
@database_options
@click.option("--why", metavar="TEXT", help="Told to everybody who asks why nothing is rescued.")
def stop(config: Config, why: str | None) -> None:
    """Pull the kill switch: from now on no replica rescues, until `resume`. Exit code 1 if it could not be pulled."""
    try:
        with visit(config, SECONDS, writing=True) as tx:
            pulled = control.stop(tx, who(), why)
    except DatabaseError as error:
        give_up(error)
    reason = f": {pulled.why}" if pulled.why else ""
    click.echo(f"No job is rescued any more. Stopped by {pulled.by} at {rfc3339(pulled.at)}{reason}.")


@click.command()
@database_options
def resume(config: Config) -> None:
    """Release the kill switch. Exit code 0 also where it was not pulled, 1 if it could not be released."""
    try:
        with visit(config, SECONDS, writing=True) as tx:
            ended = control.resume(tx, who())
    except DatabaseError as error:
        give_up(error)
    if ended is None:
        click.echo("The kill switch was not pulled.")
    else:
        click.echo(f"Rescues go on, by {who()}. They were stopped by {ended.by} at {rfc3339(ended.at)}.")


@click.group()
def brake() -> None:
    """Release a brake."""


@brake.command(name="release")
@database_options
@click.argument("name", type=click.Choice([one.value for one in Brake]))
def release_brake(config: Config, name: str) -> None:
    """Release a brake that holds; the actor then begins slowly.

    Exit codes: 0 released, 1 it is not engaged or it did not work, 2 this one lets go by itself.
    """
    if Brake(name) in RELEASED_BY_ITSELF:
        click.echo(f"{name} is not released by hand: {RELEASED_BY_ITSELF[Brake(name)]}.", err=True)
        raise SystemExit(WRONG_USE)
    if Brake(name) is Brake.KILL_SWITCH:
        click.echo("The kill switch is released by `riverkeeper resume`.", err=True)
        raise SystemExit(WRONG_USE)
    try:
        with visit(config, SECONDS, writing=True) as tx:
            why = control.release(tx, name, who())
    except DatabaseError as error:
        give_up(error)
    if why is None:
        raise click.ClickException(f"{name} is not engaged")
    click.echo(f"{name} is released by {who()}; it held because {why}.")
