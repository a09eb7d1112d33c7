"""`riverkeeper rescue status`, `pause`, `resume` and `release`: the state of the rescuer and its controls."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from riverkeeper.brakes import control
from riverkeeper.brakes.control import Status
from riverkeeper.brakes.heartbeat_path import NOT_VERIFIED, patience
from riverkeeper.brakes.rules import Brake
from riverkeeper.cli.options import WRONG_USE, database_options, give_up, scrape_or_exit
from riverkeeper.config.load import Config
from riverkeeper.config.tiers import Mode
from riverkeeper.formats import ago, moment, rfc3339, span
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.manual import find_brakes_in_tables, operator, path_verified_since
from riverkeeper.rescue.supervisor.election import fingerprint_config
from riverkeeper.schema.schemas import open_keeper
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.web.pages.status import describe_verdicts

SECONDS = 10.0
# Brakes that follow from what is measured end by themselves.
RELEASED_BY_ITSELF = {
    Brake.RATE: "it ends when the minute is over; rescue.max_per_minute raises the limit",
    Brake.GRACE: "it ends by itself, rescue.grace after the start of the process",
    Brake.STALE_SNAPSHOT: "it ends with the next good reading; see `riverkeeper check`",
}


@click.command()
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def status(config: Config, as_json: bool) -> None:
    """Show the state of the rescuer: modes, brakes, active replica, heartbeat path, wakes, last rescue, stuck jobs.

    Exit code 1 if the state cannot be read.
    """
    try:
        with open_keeper(config, SECONDS) as tx:
            found = control.read_status(tx)
    except DatabaseError as error:
        give_up(error)
    longest = patience(config) if found.patience is None else found.patience
    path = path_verified_since(longest, found)
    if as_json:
        click.echo(json.dumps(_as_json(config, found, path), indent=2))
    else:
        same_limits = found.fingerprint in (None, fingerprint_config(config))
        for word, value in (*_facts(config, found, path), *_jobs(scrape_or_exit(config), same_limits=same_limits)):
            click.echo(f"{f'{word}:' if word else '':<15} {value}")


def _facts(config: Config, found: Status, path: float | None) -> Iterator[tuple[str, str]]:
    yield from _modes(config, found)
    if path is None:
        yield "hold", f"heartbeat_path: not verified, so missed heartbeats do not count: {path_why(found)}"
    for brake, sentence in find_brakes_in_tables(found).items() or [("none", "engaged in the tables")]:
        yield "brake", f"{brake} {sentence}" if brake == "none" else f"{brake}: {sentence}"
    if found.grace_left and found.is_at_work(patience(config)):
        yield "brake", f"grace: the active replica has just started, rescues begin in {span(found.grace_left)}"
    for brake_state in found.engaged:
        if brake_state.released:
            yield "brake", f"{brake_state.name}: released, ends at the next tick of the active replica"
    if found.resumed and not found.pause:
        yield "resumed", f"by {found.resumed.by} {ago(found.now, found.resumed.at)} ({found.resumed.stop})"
    yield "active replica", _describe_active(config, found)
    if path is not None:
        yield "heartbeat path", f"verified since {moment(path)} ({span(found.now - path)} ago)"
    yield "wakes", f"{found.wakes_open} open"
    yield "last rescue", ago(found.now, found.last_rescue_at)
    yield "last dry run", ago(found.now, found.last_dry_run_at)


def _describe_active(config: Config, found: Status) -> str:
    if found.active_replica is None:
        return "none yet: no job is rescued (riverkeeper serve)"
    seen = f"{found.active_replica}, last active {ago(found.now, found.active_at)}"
    return seen if found.is_at_work(patience(config)) else f"none: no job is rescued; the last one was {seen}"


def _modes(config: Config, found: Status) -> Iterator[tuple[str, str]]:
    """Those of the active replica, which may have another configuration than this command."""
    whose = "the active replica" if found.modes else "this configuration"
    for mode in Mode:
        tiers = ", ".join(tier for tier, tier_mode in (found.modes or config.modes).items() if tier_mode is mode)
        if tiers:
            yield "mode", f"{mode.value} in {tiers} (by {whose})"


def _jobs(snapshot: Snapshot, *, same_limits: bool) -> Iterator[tuple[str, str]]:
    """How many jobs are stuck or suspected; what cannot be read is unknown, and never 0.

    `same_limits`: the active replica judges by the same configuration as this command.
    """
    if snapshot.verdicts is None:
        yield "stuck jobs", f"unknown: {snapshot.error or 'running jobs could not be judged'}"
        return
    for word, value, _ in describe_verdicts(snapshot):
        if word != "Heartbeat path":
            yield word.lower(), value
    if not same_limits:
        yield "", "judged by the limits of this command; the active replica has another configuration (--config.file)"


def path_why(found: Status) -> str:
    """Why the heartbeat path is not verified."""
    return found.path_why if found.path_ok_since is None and found.path_why else NOT_VERIFIED


def _as_json(config: Config, found: Status, path: float | None) -> dict[str, object]:
    return {
        "now": rfc3339(found.now),
        "modes": {tier: mode.value for tier, mode in (found.modes or config.modes).items()},
        "brakes": {brake.value: sentence for brake, sentence in find_brakes_in_tables(found).items()},
        "stopped_at": rfc3339(found.pause.at) if found.pause else None,
        "stopped_by": found.pause.by if found.pause else None,
        "stopped_why": found.pause.why if found.pause else None,
        "resumed_at": rfc3339(found.resumed.at) if found.resumed else None,
        "resumed_by": found.resumed.by if found.resumed else None,
        "actor": found.active_replica,
        "actor_at": rfc3339(found.active_at),
        "path_ok_since": rfc3339(path),
        "path_why": path_why(found) if path is None else None,
        "wakes_open": found.wakes_open,
        "last_rescue_at": rfc3339(found.last_rescue_at),
        "last_dry_run_at": rfc3339(found.last_dry_run_at),
    }


@click.command()
@database_options
@click.option("--why", metavar="TEXT", help="The reason, shown with the pause on the pages and by `rescue status`.")
def pause(config: Config, why: str | None) -> None:
    """Pause all rescues of all replicas, until `resume`. Riverkeeper itself keeps running.

    Exit code 1 if the pause could not be stored.
    """
    try:
        with open_keeper(config, SECONDS, writing=True) as tx:
            paused = control.pause(tx, operator(), why)
    except DatabaseError as error:
        give_up(error)
    reason = f": {paused.why}" if paused.why else ""
    click.echo(f"All rescues are paused, by {paused.by} at {rfc3339(paused.at)}{reason}.")
    click.echo("Run `riverkeeper rescue resume` to continue.")


@click.command()
@database_options
def resume(config: Config) -> None:
    """Resume rescues after a pause.

    Exit codes: 0 also if rescues were not paused, 1 if the change could not be stored."""
    try:
        with open_keeper(config, SECONDS, writing=True) as tx:
            ended = control.resume(tx, operator())
    except DatabaseError as error:
        give_up(error)
    if ended is None:
        click.echo("Rescues were not paused.")
    else:
        click.echo(f"Rescues are resumed by {operator()}. They were paused by {ended.by} at {rfc3339(ended.at)}.")


@click.command()
@database_options
@click.argument("brake", metavar="BRAKE", type=click.Choice([brake.value for brake in Brake]))
def release(config: Config, brake: str) -> None:
    """Release an engaged brake. The active replica then starts slowly.

    Exit codes: 0 released, 1 not engaged or not stored, 2 this brake ends by itself.
    """
    if Brake(brake) in RELEASED_BY_ITSELF:
        click.echo(f"{brake} cannot be released: {RELEASED_BY_ITSELF[Brake(brake)]}.", err=True)
        raise SystemExit(WRONG_USE)
    if Brake(brake) is Brake.KILL_SWITCH:
        click.echo("The kill switch is released by `riverkeeper rescue resume`.", err=True)
        raise SystemExit(WRONG_USE)
    try:
        with open_keeper(config, SECONDS, writing=True) as tx:
            why = control.release(tx, brake, operator())
    except DatabaseError as error:
        give_up(error)
    if why is None:
        raise click.ClickException(f"{brake} is not engaged")
    click.echo(f"{brake} is released by {operator()}. It was engaged because {why}.")
