"""What is stuck now, by what a rescue is decided on. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import BAD, steps, to_board, to_keeper
from riverkeeper.dashboards.panel import Panel, Text
from riverkeeper.dashboards.query import Queries, by
from riverkeeper.dashboards.tables import COLORED, Column, table
from riverkeeper.dashboards.uids import KIND


def stuck(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that are stuck, by why; and those that may be, where the evidence is short of proof.",
        normal="an empty table, or rows that are gone within a minute where the tier is live.",
        next="click the reason for the jobs themselves: evidence, and what would be done about each.",
        empty="Nothing is stuck or suspected (or, where no modes are shown above, nothing was judged)",
    )
    labels = "queue, kind, tier, reason"
    jobs = f"{by(labels, q.fact('river_jobs_stuck'))} > 0 or {by(labels, q.fact('river_jobs_suspected'))}"
    return table(
        "Stuck or suspected now", text,
        Column("Reason", label="reason", links=[
            to_keeper("The jobs", "/stuck?reason=${__value.raw}&kind=${__data.fields.Kind}")]),
        Column("Tier", label="tier"),
        Column("Queue", label="queue"),
        Column("Kind", label="kind", links=[to_board("This kind", KIND, "kind=${__value.raw}")]),
        Column("Jobs", expr=f"{jobs} > 0", look={"thresholds": steps((None, BAD)), **COLORED}),
        width=14, height=7, sort={"Jobs": True}, links=[to_keeper("Stuck jobs", "/stuck")],
    )  # fmt: skip
