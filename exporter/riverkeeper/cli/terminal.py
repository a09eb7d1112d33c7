"""Where tables are printed."""

from __future__ import annotations

import os
import sys

from rich.console import Console

PIPE_WIDTH = 200  # whoever reads it through grep or less wants a line to be a line


def console() -> Console:
    """As wide as the terminal; where there is none, as COLUMNS says, or wide."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)
