"""What do failures and rescues cost? Work that was lost, and attempts that resumed. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.field import RESCUES_PAGE, RUNNING_PAGE, to_board
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND

SHOWN = 10  # kinds: more colours than that nobody can separate
OF_KIND = [to_board("This kind", KIND, "kind=${__field.labels.kind}")]


def cost(q: Queries) -> tuple[Panel, ...]:
    return lost_work(q), unknown_loss(q), resumed(q)


def lost_work(q: Queries) -> Panel:
    text = Text(
        shows="Work that failed and rescued attempts lost, by kind: the time from the last checkpoint of an attempt, "
        "or from its beginning if it saved none, to its last heartbeat or reported end.",
        normal="seconds for each attempt that ends early, if its kind saves checkpoints.",
        next="a kind loses minutes or hours again and again: let it save checkpoints (docs/long-jobs.md). Click to see "
        "why its attempts end.",
        empty="No attempt that sends heartbeats has failed or was rescued. What others lost is not known",
    )
    lost = by("kind", q.increase("river_job_lost_work_seconds_total"))
    return timeseries("Work lost, by kind", text, Query(f"topk({SHOWN}, {lost} > 0)", "{{kind}}"), unit="s", bars=True,
                      stacked=True, width=10, height=8, links=OF_KIND)  # fmt: skip


def unknown_loss(q: Queries) -> Panel:
    text = Text(
        shows="Share of the failed and rescued attempts in this time range that sent no heartbeat. Nobody knows what "
        "they lost, so it is not in the panel beside.",
        normal="high where short jobs fail: a job shorter than one interval sends no heartbeat, and loses little.",
        next="long jobs are among them: add the heartbeat client to their workers. /running shows which jobs beat.",
        empty="no attempt failed",
    )
    ended = total(q.increase("river_job_attempts_ended_total", over="[$__range]", outcome="~failed|rescued"))
    measured = total(q.increase("river_job_lost_work_attempts_total", over="[$__range]"))
    share = f"clamp(1 - ({measured} or vector(0)) / ({ended} > 0), 0, 1)"
    return stat("Loss not known", text, Query(share, "not known"), unit="percentunit", width=4, height=8, decimals=0,
                links=[RUNNING_PAGE])  # fmt: skip


def resumed(q: Queries) -> Panel:
    text = Text(
        shows="Attempts that resumed from a checkpoint of an earlier attempt, by kind.",
        normal="about as many as attempts that end early, for kinds that save checkpoints.",
        next="attempts were rescued and none resumed: the kind saves no checkpoints, or does not read them. Click to "
        "see what each rescue cost.",
        empty="No attempt has resumed in this time range, or Riverkeeper's schema has no checkpoints",
    )
    count = by("kind", q.increase("river_job_resumed_total"))
    return timeseries("Attempts that resumed", text, Query(f"topk({SHOWN}, {count} > 0)", "{{kind}}"), unit="short",
                      bars=True, stacked=True, width=10, height=8, decimals=0, links=[RESCUES_PAGE])  # fmt: skip
