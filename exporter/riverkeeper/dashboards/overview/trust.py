"""Can I trust what I see? The panel that answers it on the first screen. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ACTIVE, BAD, GOOD, QUIET, WARN, named, steps, to_board, words
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import stat
from riverkeeper.dashboards.query import Queries, total
from riverkeeper.dashboards.uids import RESCUE

MODES = {1: ("disabled", QUIET), 2: ("dry run", ACTIVE), 3: ("live", GOOD)}


def trust(q: Queries) -> Panel:
    """The strongest mode of any tier stands for the rescuer: what it may do at most."""
    text = Text(
        shows="Table: can a keeper read it. Age: of the newest numbers. Rescuer: the strongest mode of any tier.",
        normal="read, an age of at most two scrape intervals, and the mode that you chose.",
        next="UNREADABLE or old: every other panel shows the past. Run `riverkeeper check`, look at the keeper's log.",
        empty="no keeper seen",
    )
    age = f"time() - {total(q.select('riverkeeper_snapshot_timestamp_seconds'), 'max')}"
    return stat(
        "Can I trust this board?", text,
        Query(total(q.select("river_up"), "max"), "table", Form.NOW),
        Query(age, "age", Form.NOW),
        Query(total(mode_code(q), "max"), "rescuer", Form.NOW),
        unit="s", width=6, named_values=True, decimals=0,
        overrides=[
            named("table", unit="none", mappings=words({0: ("UNREADABLE", BAD), 1: ("read", GOOD)})),
            named("age", thresholds=steps((None, GOOD), (60, WARN), (300, BAD))),
            named("rescuer", unit="none", mappings=words(MODES)),
        ],
        links=[to_board("The keeper itself", RESCUE)],
    )  # fmt: skip


def mode_code(q: Queries) -> str:
    """1 disabled, 2 dry run, 3 live; 0 where a mode is not in force."""
    live, dry, off = (q.fact("riverkeeper_rescue_mode", mode=mode) for mode in ("live", "dry_run", "disabled"))
    return f"{live} * 3 or {dry} * 2 or {off}"
