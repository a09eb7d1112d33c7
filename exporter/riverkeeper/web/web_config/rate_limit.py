"""`rate_limit` of the web configuration: how many requests are admitted, over all clients."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from riverkeeper.web.web_config.sections import YamlSection

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One request each `seconds`, and up to `burst` at once."""

    seconds: float
    burst: int


def read_rate_limit(section: YamlSection) -> RateLimit | None:
    """None where the interval is absent or 0, which is no limit."""
    if not section:
        return None
    seconds = _duration(section)
    burst = section.text("burst") or "0"
    section.finish()
    if not burst.isdecimal():
        section.wrong(section.at("burst"), "burst", "must be a whole number")
    elif seconds and int(burst) < 1:
        section.wrong(section.at("burst"), "burst", "must be 1 or more, else every request is refused")
    elif seconds:
        return RateLimit(seconds, int(burst))
    return None


def _duration(section: YamlSection) -> float:
    text = section.text("interval") or "0"
    if text != "0" and not _DURATION.fullmatch(text):
        section.wrong(section.at("interval"), "interval", "must be a duration with its unit, such as 1s or 100ms")
        return 0.0
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


class TokenBucket:
    """Decides for each request whether the limit admits it."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled_at = clock()

    def admits(self) -> bool:
        """Takes a token where there is one."""
        now = self._clock()
        self._tokens = min(self.limit.burst, self._tokens + (now - self._filled_at) / self.limit.seconds)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
