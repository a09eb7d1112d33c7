"""Are running jobs alive, and what would happen now to those that are not? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.board import Board, Section
from riverkeeper.dashboards.field import BAD, GOOD, WARN, steps, words
from riverkeeper.dashboards.overview.trust import MODES, mode_code
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import stat, timeline
from riverkeeper.dashboards.query import Queries, by
from riverkeeper.dashboards.rescue.keeper_itself import keeper_itself
from riverkeeper.dashboards.rescue.liveness import liveness
from riverkeeper.dashboards.rescue.rescues import rescues
from riverkeeper.dashboards.rescue.stuck_table import stuck
from riverkeeper.dashboards.scope import Scope
from riverkeeper.dashboards.uids import RESCUE

FILTERS = ("queue", "kind")
BRAKES = {0: ("released", GOOD), 1: ("HOLDS", BAD)}


def rescue(scope: Scope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        RESCUE,
        "Riverkeeper / Liveness and rescue",
        "What would happen now to a job that is stuck, whether running jobs are alive, and what was done. Each purple "
        "mark is a rescue.",
        FILTERS,
        (modes(q), brakes(q), actor(q), stuck(q), brakes_over_time(q)),
        (
            Section("Are running jobs alive?", liveness(q)),
            Section("What was done", rescues(q)),
            Section("The keeper itself", keeper_itself(q), collapsed=True),
        ),
    )


def modes(q: Queries) -> Panel:
    text = Text(
        shows="How far the rescuer goes, by tier: nothing, everything but the write, or the write itself.",
        normal="what you chose. Dry run is the default: `riverkeeper rescue report` says when it is safe to go live.",
        next="change rescue.mode, or a tier's own mode, in the configuration. The stricter of the two wins.",
        empty="the rescuer does not run",
    )
    return stat("Mode by tier", text, Query(by("tier", mode_code(q), "max"), "{{tier}}", Form.NOW), unit="none",
                width=9, height=5, mappings=words(MODES), named_values=True)  # fmt: skip


def brakes(q: Queries) -> Panel:
    text = Text(
        shows="What holds every rescue now. One is enough to hold them all.",
        normal="all released. Grace holds for a minute after a start.",
        next="`riverkeeper rescue status` shows why; `rescue resume` and `rescue release BRAKE` end it. "
        "`mass_silence`: are the workers gone, or do their heartbeats not reach the database?",
        empty="the rescuer does not run",
    )
    held = by("brake", q.fact("riverkeeper_brake_engaged"), "max")
    return stat("Brakes", text, Query(held, "{{brake}}", Form.NOW), unit="none", width=11, height=5,
                mappings=words(BRAKES), named_values=True)  # fmt: skip


def actor(q: Queries) -> Panel:
    text = Text(
        shows="How many replicas act. All read and serve metrics; one acts.",
        normal="1. For a moment 2, when the role passes on.",
        next="0: the supervisor is off, or no keeper may write: run `riverkeeper check`.",
        empty="the rescuer does not run",
    )
    acting = f"sum({q.select('riverkeeper_actor')})"
    return stat(
        "Acting replicas",
        text,
        Query(acting, "acting", Form.NOW),
        unit="short",
        width=4,
        height=5,
        thresholds=steps((None, WARN), (1, GOOD)),
    )


def brakes_over_time(q: Queries) -> Panel:
    text = Text(
        shows="What held every rescue, and when.",
        normal="released throughout, but for grace after a start.",
        next="a brake that held while jobs were stuck: was it right? See its reason in the keeper's log of that time.",
        empty="The rescuer did not run in this time",
    )
    held = by("brake", q.fact("riverkeeper_brake_engaged"), "max")
    return timeline("Brakes over time", text, Query(held, "{{brake}}"), mappings=words(BRAKES), width=10, height=7)
