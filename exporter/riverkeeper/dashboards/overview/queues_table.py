"""The queues side by side, each a click from its kinds. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ANY_IS_BAD, ANY_IS_ODD, NEVER, OF_LIMIT, WARN, above, to_board, to_keeper
from riverkeeper.dashboards.panel import Panel, Text
from riverkeeper.dashboards.query import Queries, by
from riverkeeper.dashboards.tables import COLORED, GAUGE, Column, table
from riverkeeper.dashboards.uids import KIND


def queues(q: Queries) -> Panel:
    text = Text(
        shows="Every queue seen in the last hour. Drain time: how long what is due would take at the present rate, if "
        "nothing new came.",
        normal="waits far below their limit, drain times of seconds, nothing on its last attempt.",
        next="click a queue for its kinds. Jobs due and few clients: workers are missing. Many running and few "
        "finished: jobs take longer than they used to.",
        empty="No queue was seen in the last hour",
    )
    due = by("queue", q.fact("river_jobs_ready"))
    waited = by("queue", q.age("river_job_oldest_ready_timestamp_seconds"), "max")
    finished = by("queue", q.rate("river_jobs_finished_total"))
    return table(
        "Queues now", text,
        Column("Queue", label="queue", links=[
            to_board("Its kinds", KIND, "queue=${__value.raw}"),
            to_keeper("Its failing jobs", "/failing?queue=${__value.raw}")]),
        Column("Due", expr=due),
        Column("Oldest wait", expr=f"{waited} or {due} == 0", unit="s"),
        Column("Of wait limit", expr=by("queue", q.fact("river_job_limit_used_ratio", limit="wait"), "max"),
               unit="percentunit", look={"thresholds": OF_LIMIT, "decimals": 0, "min": 0, "max": 1, **GAUGE}),
        Column("Running", expr=by("queue", q.fact("river_jobs", state="running"))),
        Column("Clients", expr=by("queue", q.fact("river_queue_busy_clients"))),
        Column("Failing", expr=by("queue", q.fact("river_jobs_failing")), look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Last attempt", expr=by("queue", q.fact("river_jobs_last_attempt")),
               look={"thresholds": ANY_IS_BAD, **COLORED}),
        Column("Finished", expr=finished, unit="ops"),
        Column("Drain time", expr=f"({due} > 0) / {finished} or {due} == 0", unit="s",
               look={"mappings": above(NEVER, "nothing finishes", WARN)}),
        width=24, height=8, sort={"Due": True},
    )  # fmt: skip
