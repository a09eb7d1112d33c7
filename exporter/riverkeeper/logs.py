"""How log lines are written: one line an event, logfmt or JSON, to standard error."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")


def configure(level: str, form: str) -> None:
    """Set up structlog for the process. Times are RFC 3339 in UTC."""
    _route_stdlib()
    render: Processor = structlog.processors.JSONRenderer() if form == "json" else _logfmt()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _logfmt() -> Processor:
    return structlog.processors.LogfmtRenderer(key_order=["time", "level", "message"], drop_missing=True)


class _Routed(logging.Handler):
    """Puts the log lines of libraries, which use the standard library, into the same form as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _route_stdlib() -> None:
    logging.basicConfig(handlers=[_Routed()], level=logging.WARNING, force=True)
    # It warns of what it drops when a connection is lost. The error itself reaches us, and we log it.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
