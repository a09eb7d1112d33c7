"""Where commands print: the width of tables, and letters that the terminal cannot show."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console

PIPE_WIDTH = 200  # through grep or less a row must stay on one line


def console() -> Console:
    """As wide as the terminal; without one as wide as COLUMNS, or PIPE_WIDTH."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)


def escape_unprintable() -> None:
    """Print escapes on a terminal that is not UTF-8: kinds and errors are texts of users, in any letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
