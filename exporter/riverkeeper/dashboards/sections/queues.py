"""Do jobs wait? The queues now and over time: waits, states, due jobs, what enters and leaves. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import WAITED, limit_by_tier, running_by_queue, wait_limit_used
from riverkeeper.dashboards.parts.field import (
    FAILING_PAGE,
    KINDS_OF_QUEUE,
    NEVER,
    OF_LIMIT,
    PER_MINUTE,
    TIMES,
    above,
    colored,
    to_board,
    to_page,
    words,
)
from riverkeeper.dashboards.parts.palette import ACTED, ACTIVE, BAD, GOOD, PLAIN, QUIET, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, timeline, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND
from riverkeeper.dashboards.parts.tables import COLORED, GAUGE, Column, table

STATES = {
    0: ("flowing", QUIET),
    1: ("backlog", WARN),
    2: ("paused", ACTED),
    3: ("frozen", BAD),
    4: ("no producer", BAD),
}
# In a table a queue that flows needs no colour.
STATE_WORDS = {**STATES, 0: ("flowing", PLAIN)}
# As RiverQueueNotMoving has it, so that board and alert never disagree.
FROZEN_SECONDS = 600  # due for this long, and no claim for this long
ABANDONED_SECONDS = 300  # due for this long
SILENT_SECONDS = 1500  # where no rhythm is known: two refreshes missed, and a little, by River for Go


def queue_table(q: Queries) -> Panel:
    text = Text(
        shows="Every queue of the last hour. The queue that is nearest to its wait limit is first. Wait is the wait of "
        "the jobs that were claimed lately. Oldest due is the wait of the oldest job that is due now. Limit is the "
        "wait limit of the queue's tier. Drains in is the time until no job is due, at the present rate and if none is "
        "added.",
        normal="every queue flows, p95 is far below the limit, and the queue drains in seconds.",
        next="click a queue to see its kinds. Many jobs are due and few clients work: workers are missing. Many jobs "
        "run and few finish: jobs take longer than before.",
        empty="No queue was seen in the last hour",
    )
    kinds = [to_board("Its kinds", KIND, "queue=${__value.raw}"),
             to_page("Its failing jobs", "/failing?queue=${__value.raw}"),
             to_page("Its stuck jobs", "/stuck?queue=${__value.raw}")]  # fmt: skip
    return table(
        "Queues now: waits against their limits", text,
        Column("Queue", label="queue", links=kinds),
        Column("State", expr=state_of_queues(q), unit="none", width=105,
               look={"mappings": words(STATE_WORDS), **COLORED}),
        Column("Limit used", expr=used(q), unit=TIMES, width=125,
               look={"thresholds": OF_LIMIT, "decimals": 1, "min": 0, "max": 1, **GAUGE}),
        Column("Wait p95", expr=waits(q, 0.95), unit="s"),
        Column("Oldest due", expr=f"{oldest(q)} or {due(q)} == 0", unit="s"),
        Column("Limit", expr=limit(q), unit="s"),
        Column("Wait p50", expr=waits(q, 0.5), unit="s"),
        Column("Wait p99", expr=waits(q, 0.99), unit="s"),
        Column("Due", expr=due(q)),
        Column("Running", expr=running_by_queue(q)),
        Column("Clients", expr=by("queue", q.fact("river_queue_busy_clients"))),
        Column("Finished", expr=by("queue", q.per_minute("river_jobs_finished_total")), unit=PER_MINUTE,
               look={"decimals": 0}),
        Column("Drains in", expr=drains(q), unit="s", look={"mappings": above(NEVER, "never", WARN)}),
        width=24, height=7, sort={"Limit used": True}, without=("tier",),
    )  # fmt: skip


def due(q: Queries) -> str:
    return by("queue", q.fact("river_jobs_ready"))


def oldest(q: Queries) -> str:
    return by("queue", q.age("river_job_oldest_ready_timestamp_seconds"), "max")


def used(q: Queries) -> str:
    """Of the wait limit, by queue. A queue in which nothing waits uses nothing of it."""
    return f"{wait_limit_used(q, 'queue')} or {due(q)} == 0"


def limit(q: Queries) -> str:
    """The wait limit of each queue: of that of its tiers which has used most of it, else of the strictest."""
    tiers = f"topk by (queue) (1, {wait_limit_used(q, 'queue, tier')})"
    strictest = by("queue", q.fact("river_queue_wait_limit_seconds"), "min")
    return f"max by (queue) ({tiers} * 0 + on (tier) group_left () {limit_by_tier(q, 'wait')}) or {strictest}"


def waits(q: Queries, quantile: float) -> str:
    buckets = by("queue, le", q.rate(WAITED, "_bucket"))
    return f"histogram_quantile({quantile}, {buckets}) >= 0"  # not where nothing was claimed


def drains(q: Queries) -> str:
    finished = by("queue", q.rate("river_jobs_finished_total"))
    return f"({due(q)} > 0) / {finished} or {due(q)} == 0"


def state_of_queues(q: Queries) -> str:
    """By queue the number of its state, the worst that holds."""
    waited = oldest(q)
    claimed = by("queue", q.age("river_queue_last_claim_timestamp_seconds"), "max")
    refreshed = by("queue", q.age("river_queue_updated_timestamp_seconds"), "max")
    paused = f"{by('queue', q.fact('river_queue_paused'), 'max')} == 1"
    beats = q.once(q.select("river_job_heartbeat_age_seconds", "_bucket", le="60.0"))
    # Beats of the last minute: a claim whose worker has died since still counts as beating.
    beating = f"{by('queue', beats)} > 0"
    late = f"{wait_limit_used(q, 'queue')} >= 1"
    learned = by("queue", q.fact("riverkeeper_queue_refresh_limit_seconds"), "max")
    produced = f"({refreshed} <= ({learned}) or {refreshed} <= {SILENT_SECONDS} unless {learned})"
    abandoned = f"{waited} > {ABANDONED_SECONDS} unless {produced}"
    frozen = f"{waited} > {FROZEN_SECONDS} and {claimed} > {FROZEN_SECONDS} unless {paused} unless {beating}"
    return f"({abandoned}) * 0 + 4 or ({frozen}) * 0 + 3 or ({paused}) * 2 or ({late}) * 0 + 1 or {due(q)} * 0"


def queues(q: Queries) -> tuple[Panel, ...]:
    return queue_states(q), wait_by_queue(q), due_by_queue(q), in_against_out(q)


def queue_states(q: Queries) -> Panel:
    text = Text(
        shows="Backlog: the oldest due job has waited longer than its limit. Frozen: jobs are due, and no job was "
        "claimed for ten minutes. No producer: jobs are due, and the queue's producers have missed three "
        "refreshes of its row; where their rhythm is not known, for 25 minutes.",
        normal="flowing. Paused: an operator paused the queue. Find out who and why before you resume it.",
        next="frozen: are the clients alive? Do stuck jobs hold all slots? No producer: is the client deployed?",
        empty="No queue in this time range",
    )
    return timeline("Queue states", text, Query(state_of_queues(q), "{{queue}}"), mappings=words(STATES), width=12,
                    height=9)  # fmt: skip


def wait_by_queue(q: Queries) -> Panel:
    text = Text(
        shows="p95 of the time from due to claimed, by queue. A queue in which no job is claimed has no line: see its "
        "state.",
        normal="below two seconds while clients have free slots.",
        next="one line climbs: the workers of that queue are gone or busy. All lines climb: the database or River's "
        "leader is slow.",
        empty="No job was claimed in this time range",
    )
    return timeseries(
        "Wait p95, by queue", text, Query(waits(q, 0.95), "{{queue}}"), unit="s", fill=0, logarithmic=True,
        links=[KINDS_OF_QUEUE],
    )  # fmt: skip


def due_by_queue(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are available and due, by queue. The lines are not stacked. For a long queue the number is "
        "the database's estimate.",
        normal="peaks that fall again.",
        next="a line only rises: click it to see the kinds of the queue.",
        empty="No queue in this time range",
    )
    return timeseries(
        "Due jobs, by queue", text, Query(due(q), "{{queue}}"), unit="short", fill=0,
        links=[KINDS_OF_QUEUE],
    )  # fmt: skip


def in_against_out(q: Queries) -> Panel:
    text = Text(
        shows="Jobs a minute that enter and that finish. In is computed: finished jobs plus the growth of live jobs. "
        "Inserted is the database's count for all queues together; it includes inserts that were rolled back.",
        normal="in and completed are equal.",
        next="in is above completed for long, so the backlog grows: are all slots busy, or do jobs run longer? "
        "Discarded is above 0: see the section Failures.",
        empty="No job has finished while Riverkeeper ran",
    )
    done = by("outcome", q.per_minute("river_jobs_finished_total"))
    grown = f"{total(q.growth('river_jobs'))} * 60"
    entered = f"clamp_min({total(q.per_minute('river_jobs_finished_total'))} + {grown}, 0)"
    inserted = total(q.per_minute("river_table_inserted_rows_total", table="river_job"))
    return timeseries(
        "Jobs in and out", text, Query(entered, "in (computed)"), Query(done, "{{outcome}}"),
        Query(inserted, "inserted, all queues"), unit=PER_MINUTE, fill=0, decimals=0,
        overrides=[colored("in (computed)", ACTIVE), colored("inserted, all queues", QUIET),
                   colored("completed", GOOD), colored("discarded", BAD),
                   colored("cancelled", ACTED)],
        links=[FAILING_PAGE, to_board("Kinds", KIND)],
    )  # fmt: skip
