"""What commands share: their options, loading the configuration, taking a scrape, and how a command fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
from pydantic_core import PydanticCustomError

from riverkeeper import logs
from riverkeeper.config.layers import Options, find_flag
from riverkeeper.config.load import Config, load
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.config.quantity import DURATION
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.watcher import list_pods
from riverkeeper.maintenance import Maintenance
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.scrape.reader import Reader, reader_settings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import read_names
from riverkeeper.verdict.verdict import Reason
from riverkeeper.web.pages.filters import ListError, refuse_unknown_choices, refuse_unknown_names

Command = Callable[..., Any]
WRONG_USE = 2
SCRAPE_SECONDS = 20.0  # an operator waits
COMMITTED_SECONDS = 5.0  # of these, for what maintenance has committed
PODS_SECONDS = 5.0  # for a list of all pods; the jobs are worth more than why their workers ended


class WholeNumber(click.IntRange):
    """An option that is a whole number within bounds; its error has the bounds in words."""

    name = "whole number"

    def _describe_range(self) -> str:
        return f"from {self.min}" if self.max is None else f"from {self.min} to {self.max}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{str(value)!r} is not a whole number {self._describe_range()}", param, ctx)


def option(name: str, **settings: Any) -> Callable[[Command], Command]:
    """A click option with the help text of the flag table."""
    entry = find_flag(name)
    variable = entry.environment or None
    return click.option(name, entry.parameter, metavar=entry.metavar, help=entry.help, envvar=variable, **settings)


def database_options(command: Command) -> Command:
    """--config.file, --database-url and --river-schema; the command is called with `config`, the loaded Config."""

    @option("--config.file", type=click.Path(path_type=Path))
    @option("--database-url")
    @option("--river-schema")
    @wraps(command)
    def run_with_config(
        config_file: Path | None, database_url: str | None, river_schema: str | None, **rest: Any
    ) -> Any:
        given = Options(database_url=database_url, river_schema=river_schema)
        return command(config=load_or_exit(config_file, given), **rest)

    return run_with_config


def load_or_exit(file: Path | None, given: Options) -> Config:
    """The configuration, or exit code 2 with every mistake in it."""
    try:
        return load(file, os.environ, given)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        raise SystemExit(WRONG_USE) from None


def list_pods_or_warn(config: Config) -> PodEvidence | None:
    """What the pods show now; None where Kubernetes is not asked. Where they are unknown, the operator reads why."""
    if not config.kubernetes.enabled:
        return None
    evidence = list_pods(config.kubernetes, PODS_SECONDS)
    if error := evidence.state().error:
        click.echo(f"Pods unknown: {error}. The jobs are judged without them.", err=True)
    return evidence


def scrape_or_exit(config: Config, evidence: PodEvidence | None = None) -> Snapshot:
    """A scrape with what `serve` has committed. It writes nothing, and logs nothing into the command's output."""
    logs.configure("error", "logfmt")
    settings = reader_settings(config)
    lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
    try:
        database = Database(config.conninfo.reveal())
    except DatabaseError as error:
        give_up(error)
    try:
        committed = Maintenance(database, settings, lookup).read_committed(COMMITTED_SECONDS)
        return Reader(database, settings, lookup, lambda _: committed, evidence=evidence).read(SCRAPE_SECONDS)
    finally:
        database.close()


def give_up(error: DatabaseError) -> NoReturn:
    """Exit code 1 with what happened and what to do; 2 where the command or the configuration is wrong."""
    click.echo(f"Error: {error.message}\n  {error.fix}", err=True)
    raise SystemExit(WRONG_USE if error.is_wrong_use else 1) from None


def limit_option(noun: str) -> Callable[[Command], Command]:
    """--limit, of a list; `noun` is what is listed, in the plural."""
    return click.option(
        "--limit", type=WholeNumber(1, 500), metavar="N", default=50, show_default=True, help=f"Show at most N {noun}."
    )


def scope_options(command: Command) -> Command:
    """--queue, --kind, --tier and --reason, as the labels of an alert are called."""
    command = click.option("--reason", metavar="NAME", help="Only this reason, for example worker_lost.")(command)
    for name in ("tier", "kind", "queue"):
        command = click.option(f"--{name}", metavar="NAME", help=f"Only this {name}.")(command)
    return command


def refuse_choices(scope: Scope, config: Config, reasons: Iterable[Reason]) -> None:
    """Exit code 2 where the configuration has no such tier, or the list no such reason."""
    try:
        refuse_unknown_choices(scope, config.tiers, [reason.value for reason in reasons])
    except ListError as error:
        give_up_list(error)


def refuse_names(scope: Scope, config: Config) -> None:
    """Exit code 2 where a list is empty because no job has the queue or the kind: not an all-clear."""
    if not (scope.queue or scope.kind):
        return
    try:
        refuse_unknown_names(scope, read_names(config, scope.queue, scope.kind))
    except DatabaseError as error:
        give_up(error)
    except ListError as error:
        give_up_list(error)


def give_up_list(error: ListError) -> NoReturn:
    """Exit code 2 with what the filter names wrongly."""
    click.echo(f"Error: {error.message}", err=True)
    raise SystemExit(WRONG_USE) from None


def scope_of(queue: str | None, kind: str | None, tier: str | None, reason: str | None) -> Scope:
    return Scope(queue or None, kind or None, tier or None, reason or None)


def seconds(_: click.Context, parameter: click.Parameter, value: str) -> float:
    """Parses an option that is a duration, in the form that the configuration uses."""
    if value.strip().isdecimal():
        units = f"write {value}d, {value}h, {value}m or {value}s"
        raise click.BadParameter(f'"{value}" has no unit; {units}', param=parameter)
    try:
        return DURATION.parse(value)
    except PydanticCustomError as error:
        raise click.BadParameter(error.message(), param=parameter) from None
