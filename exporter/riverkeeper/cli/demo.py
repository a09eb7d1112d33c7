"""`riverkeeper demo`: the exporter on an embedded Postgres with a simulated fleet."""

from __future__ import annotations

import click
from rich.console import Console

from riverkeeper.demo.postgres import NoPostgres
from riverkeeper.demo.program import DemoFailed
from riverkeeper.demo.run import run
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.web.errors import WebError
from riverkeeper.web.http.sockets import split_address


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            split_address(value)
        except WebError as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(min=1), metavar="N", help="End after N seconds, with a summary.")
@click.option(
    "--web.listen-address",
    "listen_address",
    metavar="HOST:PORT",
    callback=_address,
    help="Where the exporter listens [default: 127.0.0.1:9816, or any free port if that is taken].",
)
@click.option(
    "--mixed", is_flag=True, help="Simulate workers of all of River's runtimes, with their client ids and clocks."
)
def demo(seconds: float | None, listen_address: str | None, mixed: bool) -> None:
    """Show Riverkeeper at work: an embedded Postgres, and a simulated fleet whose workers die and whose jobs hang.

    Prints a line for each job that runs again. Ends with Ctrl-C, or after --seconds with a summary. Leaves nothing
    behind.

    Exit codes: 0 all of it worked, 1 something did not, 128 + signal if a signal ended it before --seconds.
    """
    try:
        cut_short = run(seconds, listen_address, Console(soft_wrap=False), mixed=mixed)
    except (DemoFailed, NoPostgres) as error:
        raise click.ClickException(str(error)) from None
    except DatabaseError as error:
        raise click.ClickException(f"the demo's own database failed: {error}") from None
    if cut_short is not None:
        raise SystemExit(128 + cut_short)
