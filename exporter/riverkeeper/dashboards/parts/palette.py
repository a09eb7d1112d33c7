"""The colours of the boards: each has one meaning. Pure.

They were chosen by search: any two of them stay apart for normal sight, for deuteranopia and for protanopia
(`tests/dashboards/test_palette.py`), and each can be read on Grafana's light and dark background.
"""

from __future__ import annotations

BAD = "#DD3631"  # somebody must act now
WARN = "#E49003"  # look at it today; also the dashed line of a limit
GOOD = "#48B574"  # work that goes well: completed, beating, live
ACTIVE = "#3376FD"  # work that is neither good nor bad: running, waiting, entering
ACTED = "#C450B7"  # Riverkeeper or an operator acted: rescues, cancelled jobs
QUIET = "#818488"  # unknown, switched off, or of another week
PLAIN = "text"  # a number that needs nobody: it has no colour, so that no green stands beside a fault
