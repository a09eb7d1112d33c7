"""Where tables are printed."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console

PIPE_WIDTH = 200  # whoever reads it through grep or less wants a line to be a line


def console() -> Console:
    """As wide as the terminal; where there is none, as COLUMNS says, or wide."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)


def never_fail_for_a_letter() -> None:
    """A terminal that is not UTF-8 gets escapes: kinds and errors are written by users, in any letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
