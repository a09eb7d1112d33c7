"""Moments, spans and counts, as a reader or a script needs them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """A span in at most two units, without its sign: 12 ms, 4.2 s, 3 min 5 s, 2 d 4 h."""
    seconds = abs(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds == float("inf"):
        return "for ever"
    whole = round(seconds)
    for size, unit in _UNITS:
        if whole >= size:
            smaller_size, smaller = next(((s, u) for s, u in _UNITS if s < size), (1, "s"))
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def moment(seconds: float | None) -> str | None:
    """UTC, to the second; None for a moment that no calendar has, such as Postgres' infinity."""
    when = _calendar(seconds)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC") if when else None


def moment_near(seconds: float | None, now: float) -> str | None:
    """A moment as `moment` gives it, without the date where that is today's; None where it has none."""
    when, today = _calendar(seconds), _calendar(now)
    if when and today and when.date() == today.date():
        return when.strftime("%H:%M:%S UTC")
    return moment(seconds)


def ago(now: float, then: float | None) -> str:
    """A moment with its distance, or that there is none."""
    return "never" if then is None else f"{span(now - then)} ago ({moment(then)})"


def rfc3339(seconds: float | None) -> str | None:
    """UTC, to the millisecond: 2026-11-23T13:42:10.500Z."""
    when = _calendar(seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None


def count(number: int) -> str:
    """With thin spaces between thousands: one misread digit is a wrong decision."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def count_noun(number: int, noun: str) -> str:
    """`1 job`, `12,345 jobs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def server_version(number: int) -> str:
    """Postgres' number as people say it: 150018 is 15.18."""
    return f"{number // 10000}.{number % 10000}"


def _calendar(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
