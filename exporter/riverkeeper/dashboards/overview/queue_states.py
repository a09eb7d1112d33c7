"""What has each queue been doing? Its state over time. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ACTIVE, BAD, GOOD, WARN, words
from riverkeeper.dashboards.panel import Panel, Query, Text
from riverkeeper.dashboards.panels import timeline
from riverkeeper.dashboards.query import Queries, by

STATES = {
    0: ("flowing", GOOD),
    1: ("backlog", WARN),
    2: ("paused", ACTIVE),
    3: ("frozen", BAD),
    4: ("no producer", "dark-red"),
}
# As RiverQueueFrozen and RiverQueueWithoutProducer have it, so that board and alert never disagree.
FROZEN_SECONDS = 600  # due for so long, and no claim for so long
ABANDONED_SECONDS = 300  # due for so long
SILENT_SECONDS = 1500  # two refreshes of river_queue missed, and a little: a client writes one each ten minutes


def queue_states(q: Queries) -> Panel:
    text = Text(
        shows="Backlog: the oldest due job waits beyond its limit. Frozen: jobs are due and none was claimed for ten "
        "minutes. No producer: jobs are due and no client has refreshed the queue's row for 25 minutes.",
        normal="flowing. Paused is somebody's decision: find out whose before you resume it.",
        next="frozen: are the clients alive, are all their slots held by stuck jobs? No producer: is it deployed?",
        empty="No queue was seen in this time",
    )
    return timeline(
        "Queue states", text, Query(state_of_queues(q), "{{queue}}"), mappings=words(STATES), width=10, height=7
    )


def state_of_queues(q: Queries) -> str:
    """By queue the number of its state, the worst that holds."""
    due = by("queue", q.fact("river_jobs_ready"))
    waited = by("queue", q.age("river_job_oldest_ready_timestamp_seconds"), "max")
    claimed = by("queue", q.age("river_queue_last_claim_timestamp_seconds"), "max")
    refreshed = by("queue", q.age("river_queue_updated_timestamp_seconds"), "max")
    paused = f"{by('queue', q.fact('river_queue_paused'), 'max')} == 1"
    beats = q.once(q.select("river_job_heartbeat_age_seconds", "_bucket", le="60.0"))
    # Beats of the last minute: a claim whose worker has died since still counts as beating.
    beating = f"{by('queue', beats)} > 0"
    late = f"{by('queue', q.fact('river_job_limit_used_ratio', limit='wait'), 'max')} >= 1"
    abandoned = f"{waited} > {ABANDONED_SECONDS} unless {refreshed} <= {SILENT_SECONDS}"
    frozen = f"{waited} > {FROZEN_SECONDS} and {claimed} > {FROZEN_SECONDS} unless {paused} unless {beating}"
    return f"({abandoned}) * 0 + 4 or ({frozen}) * 0 + 3 or ({paused}) * 2 or ({late}) * 0 + 1 or {due} * 0"
