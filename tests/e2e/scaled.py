"""The shipped rules and routing in a shorter time: every duration divided by one factor, all else as it is. Pure.

Durations are those of `for`, `keep_firing_for` and `interval`, of ranges, their steps and offsets, and of the waits of
Alertmanager; and the numbers of seconds that ages are compared with. What River itself fixes is not scaled: a producer
reports its queue every ten minutes, and its cleaner works by the day.
"""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FIXED_BY_RIVER = {1500}  # seconds; two reports of a producer, and a little
LEAST_AGE = 120  # what is compared with less is a count

_DURATION = r"(\d+)([smhd])"
_PLACES = re.compile(
    r"(?P<before>^\s*(?:for|keep_firing_for|interval|group_wait|group_interval|repeat_interval): "
    r"|\[|offset |(?<=\d[smhd]):)"
    rf"{_DURATION}",
    re.MULTILINE,
)
_AGE = re.compile(r"(?P<before>[<>]=? )(\d{3,})\b")


def scaled(text: str, factor: int) -> str:
    """A rule file or an Alertmanager configuration, `factor` times as quick; no duration becomes less than a second."""
    return _AGE.sub(lambda found: _age(found, factor), _PLACES.sub(lambda found: _duration(found, factor), text))


def _duration(found: re.Match[str], factor: int) -> str:
    seconds = int(found[2]) * SECONDS[found[3]]
    return f"{found['before']}{max(1, round(seconds / factor)) if seconds else 0}s"


def _age(found: re.Match[str], factor: int) -> str:
    seconds = int(found[2])
    is_age = LEAST_AGE <= seconds < SECONDS["d"] and seconds not in FIXED_BY_RIVER
    return f"{found['before']}{round(seconds / factor) if is_age else seconds}"
