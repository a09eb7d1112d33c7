"""The kinds of the chosen queues, worst first, each a click from its own board. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ANY_IS_BAD, ANY_IS_ODD, OF_LIMIT, to_board, to_keeper
from riverkeeper.dashboards.panel import Panel, Text
from riverkeeper.dashboards.query import Queries, by
from riverkeeper.dashboards.tables import COLORED, GAUGE, Column, table
from riverkeeper.dashboards.uids import KIND


def kinds(q: Queries) -> Panel:
    text = Text(
        shows="All kinds in the chosen queues, whichever kind is chosen above; those with failures first.",
        normal="nothing on its last attempt, run limits used below 80 %.",
        next="click a kind to see it here; its queue is chosen with it.",
        empty="No kind was seen in these queues in the last hour",
    )
    run = {"limit": "~run|heartbeat|progress", "kind": None}
    return table(
        "Kinds in the chosen queues", text,
        Column("Queue", label="queue", width=95),
        Column("Kind", label="kind", links=[
            to_board("This kind", KIND, "kind=${__value.raw}", "queue=${__data.fields.Queue}"),
            to_keeper("Its failing jobs", "/failing?kind=${__value.raw}")]),
        Column("Failing", width=75, expr=by("queue, kind", q.fact("river_jobs_failing", kind=None)),
               look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Last attempt", width=105, expr=by("queue, kind", q.fact("river_jobs_last_attempt", kind=None)),
               look={"thresholds": ANY_IS_BAD, **COLORED}),
        Column("Running", width=80, expr=by("queue, kind", q.fact("river_jobs_by_kind", kind=None, state="running"))),
        Column("Of limit", width=140, expr=by("queue, kind", q.fact("river_job_limit_used_ratio", **run), "max"),
               unit="percentunit", look={"thresholds": OF_LIMIT, "decimals": 0, "min": 0, "max": 1, **GAUGE}),
        width=12, height=8, sort={"Failing": True},
    )  # fmt: skip
