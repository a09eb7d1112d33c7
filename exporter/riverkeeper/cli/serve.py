"""`riverkeeper serve`: metrics, pages and rescues until SIGTERM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import click
import structlog

from riverkeeper import __version__, logs
from riverkeeper.cli.options import give_up, load_or_exit, option
from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.urls import describe_target, read_url
from riverkeeper.schema.schemas import refuse_foreign_keeper
from riverkeeper.service import Service
from riverkeeper.web.app import create_app
from riverkeeper.web.errors import WebError
from riverkeeper.web.http.hosts import allowed_hosts
from riverkeeper.web.http.server import serve as serve_web
from riverkeeper.web.http.sockets import open_sockets
from riverkeeper.web.web_config.security import Security
from riverkeeper.web.webhook.check import explain_exposure

log = structlog.get_logger()

FIRST_READING_SECONDS = 9.5  # as long as a scrape with Prometheus' default timeout


@click.command()
@option("--config.file", type=click.Path(path_type=Path))
@option("--database-url")
@option("--river-schema")
@option("--web.listen-address", multiple=True)
@option("--web.config.file", type=click.Path(path_type=Path))
@option("--log.level", type=click.Choice(logs.LEVELS), default="info", show_default=True)
@option("--log.format", type=click.Choice(logs.FORMATS), default="logfmt", show_default=True)
def serve(
    config_file: Path | None,
    database_url: str | None,
    river_schema: str | None,
    web_listen_address: tuple[str, ...],
    web_config_file: Path | None,
    log_level: str,
    log_format: str,
) -> None:
    """Serve metrics and pages, and rescue stuck jobs where the mode is live, until SIGTERM.

    SIGHUP and POST /-/reload reload the configuration. Riverkeeper also starts while the database cannot be reached:
    river_up is then 0.
    """
    logs.configure(log_level, log_format)
    given = Options(database_url, river_schema, web_listen_address, web_config_file)
    config = load_or_exit(config_file, given)
    try:
        _refuse_foreign_keeper(config)
        asyncio.run(_serve(config, lambda: load(config_file, os.environ, given)))
    except DatabaseError as error:
        give_up(error)
    except WebError as error:
        raise click.ClickException(f"{error.message}\n  {error.fix}") from None


async def _serve(config: Config, read_again: Callable[[], Config]) -> None:
    security = Security(config.web.config_file)
    sockets = open_sockets([str(address) for address in config.web.listen_address])
    service = Service(config, read_again)
    log.info("riverkeeper starts", version=__version__, database=describe_target(config.conninfo.reveal()))
    if ignored := read_url(config.conninfo.reveal()).ignored:
        log.info("parameters of the database URL ignored, other drivers use them", parameters=", ".join(ignored))
    if config.webhook.token_file and (why := explain_exposure(config.webhook.token_file)):
        log.warning("other users can read the webhook token", reason=why)
    service.start()
    first = asyncio.create_task(service.snapshot(FIRST_READING_SECONDS))  # ready before the first scrape of Prometheus
    try:
        hosts = allowed_hosts((address.host for address in config.web.listen_address), config.web.allowed_hosts)
        await serve_web(create_app(service, security, hosts=hosts), sockets, service, security)
    finally:
        first.cancel()
        service.close()
        log.info("riverkeeper stopped")


def _refuse_foreign_keeper(config: Config) -> None:
    """A keeper schema of another River, or a newer one, ends the start; a database that is away does not."""
    try:
        refuse_foreign_keeper(config.conninfo.reveal(), config.database.river_schema, config.database.keeper_schema)
    except DatabaseError as error:
        if error.is_final:
            raise
        log.warning("the database cannot be read yet", error=str(error))
