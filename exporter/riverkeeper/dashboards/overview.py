"""The overview board: is anything wrong, and where? One screen, then the queues and River's maintenance. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.board import Board, BoardSection
from riverkeeper.dashboards.parts.field import (
    ACTIVE,
    ANY_IS_BAD,
    ANY_IS_ODD,
    BAD,
    GOOD,
    NEUTRAL,
    NEVER,
    OF_LIMIT,
    QUIET,
    WARN,
    Json,
    above,
    colored,
    link,
    matching,
    named,
    steps,
    to_board,
    to_page,
    words,
)
from riverkeeper.dashboards.parts.panel import Form, Panel, Query, Text, stat, timeline, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND, OVERVIEW, RESCUE, DashboardScope
from riverkeeper.dashboards.parts.tables import COLORED, GAUGE, Column, table

FILTERS = ("queue",)


def overview_board(scope: DashboardScope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        OVERVIEW,
        "Riverkeeper / Overview",
        "Is anything wrong with this River, and where? Start at the top left; each panel describes what to do next.",
        FILTERS,
        (
            worst_limit(q), stuck_now(q), oldest_wait(q), due_jobs(q), failing_kinds(q), trust(q),
            alerts(scope), queue_states(q),
            in_against_out(q), due_by_queue(q),
        ),
        (BoardSection("Queues", (queues(q),)), BoardSection("Leader, scheduler, cleaner", maintenance(q))),
    )  # fmt: skip


def worst_limit(q: Queries) -> Panel:
    text = Text(
        shows="The job or queue that uses the largest share of its limit. 100 % is at the limit.",
        normal="below 80 %. The limit comes from the tier, or is three times the p99 of the kind.",
        next="click for the stuck jobs; the name shows the queue, the kind and the limit.",
        empty="no limits",
    )
    worst = f"topk(1, {q.fact('river_job_limit_used_ratio')})"
    return stat(
        "Worst limit used", text, Query(worst, "{{limit}} of {{queue}} {{kind}}", Form.NOW), unit="percentunit",
        width=4, thresholds=OF_LIMIT, named_values=True, decimals=0,
        links=[to_page("Stuck jobs", "/stuck"), to_board("Liveness and rescue", RESCUE)],
    )  # fmt: skip


def stuck_now(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that are stuck (worker lost, hung, over budget …), and attempts that may be stuck.",
        normal="0, or a few for less than a minute while the rescuer waits for the fence.",
        next="click: /stuck lists each job, the reason, and the planned action.",
        empty="no verdicts",
    )
    return stat(
        "Stuck now", text,
        Query(total(q.fact("river_jobs_stuck")), "stuck"),
        Query(total(q.fact("river_jobs_suspected")), "suspected"),
        unit="short", width=3, thresholds=ANY_IS_BAD, named_values=True,
        links=[to_page("Stuck jobs", "/stuck"), to_board("Liveness and rescue", RESCUE)],
    )  # fmt: skip


def oldest_wait(q: Queries) -> Panel:
    text = Text(
        shows="Wait of the oldest due job that no client has claimed, by the database's clock.",
        normal="seconds. The limit depends on the tier: the table below shows the wait as a share of the limit.",
        next="find the queue below: is it paused, frozen, without a producer, or slower than its inflow?",
        empty="nothing due",
    )
    age = q.age("river_job_oldest_ready_timestamp_seconds")
    return stat("Oldest due wait", text, Query(total(age, "max"), "wait"), unit="s", width=4)


def due_jobs(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are available and due: a worker can claim them now.",
        normal="near 0, or a peak that falls again. For long queues the number is the planner's estimate.",
        next="compare with in and out below; add workers only if all workers are busy.",
        empty="not readable",
    )
    return stat("Due jobs", text, Query(total(q.fact("river_jobs_ready")), "due"), unit="short", width=3)  # fmt: skip


def failing_kinds(q: Queries) -> Panel:
    text = Text(
        shows="Kinds with live jobs that have failed at least once: retrying now, not yet discarded.",
        normal="0, or kinds whose retries succeed.",
        next="click: /failing lists the jobs with their errors, the next to be discarded first.",
        empty="not readable",
    )
    failing = f"sum({by('kind', q.fact('river_jobs_failing'), 'max')} > bool 0)"
    return stat(
        "Failing kinds", text, Query(failing, "kinds"), unit="short", width=4, thresholds=ANY_IS_ODD,
        links=[to_page("Failing jobs", "/failing"), to_board("Kind", KIND)],
    )  # fmt: skip


def in_against_out(q: Queries) -> Panel:
    text = Text(
        shows="Jobs per second that enter and that finish. In is computed: finished jobs plus growth of live jobs.",
        normal="in and completed are equal. In above out for a long time: the backlog grows.",
        next="discarded above 0: see Kind. In above completed: are all clients busy, or do jobs run longer?",
        empty="No job has finished while Riverkeeper ran",
    )
    done = q.rate("river_jobs_finished_total")
    entered = f"clamp_min({total(done)} + {total(q.growth('river_jobs'))}, 0)"
    return timeseries(
        "In against out", text, Query(entered, "in (computed)"), Query(by("outcome", done), "{{outcome}}"),
        unit="ops", height=7,
        overrides=[colored("in (computed)", "blue", custom__fillOpacity=20), colored("completed", "green"),
                   colored("discarded", "red"), colored("cancelled", "purple")],
    )  # fmt: skip


def due_by_queue(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are available and due, by queue.",
        normal="peaks that fall again.",
        next="a line that only rises: click it to see the kinds of the queue.",
        empty="No queue in this time range",
    )
    return timeseries(
        "Due by queue", text, Query(by("queue", q.fact("river_jobs_ready")), "{{queue}}"), unit="short", height=7,
        stacked=True, links=[to_board("Kinds of this queue", KIND, "queue=${__field.labels.queue}")],
    )  # fmt: skip


MODES = {1: ("disabled", QUIET), 2: ("dry run", ACTIVE), 3: ("live", GOOD)}


def trust(q: Queries) -> Panel:
    """The strongest mode of any tier stands for the rescuer: what it may do at most."""
    text = Text(
        shows="Table: a replica can read it. Age: of the newest numbers. Rescuer: the strongest mode of any tier.",
        normal="read, an age of at most two scrape intervals, and the configured mode.",
        next="UNREADABLE or old: all other panels show the past. Run `riverkeeper check`, read Riverkeeper's log.",
        empty="no replica",
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
        links=[to_board("Riverkeeper itself", RESCUE)],
    )  # fmt: skip


def mode_code(q: Queries) -> str:
    """1 disabled, 2 dry run, 3 live; 0 where a mode is not in force."""
    live, dry, off = (q.fact("riverkeeper_rescue_mode", mode=mode) for mode in ("live", "dry_run", "disabled"))
    return f"{live} * 3 or {dry} * 2 or {off}"


SHOWN = "severity, alertname, queue, kind, tier, reason"
# An alert about a keeper that is gone has none of its labels: an empty value is let in. The watchdog always fires.
OURS = 'alertname=~"River.+", alertname!="RiverWatchdog", job=~"$job|", queue=~"$queue|"'
FIRING = f'ALERTS{{alertstate="firing", {OURS}}}'
SINCE = f"ALERTS_FOR_STATE{{{OURS}}}"


def alerts(scope: DashboardScope) -> Panel:
    """From Prometheus' own series of alerts, so that it shows what was true at any time, in any Grafana."""
    text = Text(
        shows="Riverkeeper's alerts that fire now, of every River with the same job label.",
        normal="an empty table.",
        next="click the alert for its runbook, the reason for the jobs, the queue or kind for their board.",
        empty="No alert fires (or the alert rules are not loaded: see /rules in Prometheus)",
    )
    runbook = link("Runbook", f"{scope.runbooks}/${{__value.raw}}.md", new_tab=True)
    since = f"min by ({SHOWN}) ({SINCE} and ignoring (alertstate) {FIRING})"
    return table(
        "Alerts that fire", text,
        Column("Severity", label="severity", width=75, look={"mappings": severities(), **COLORED}),
        Column("Alert", label="alertname", width=230, links=[runbook]),
        Column("Queue", label="queue", width=85, links=[to_board("Its kinds", KIND, "queue=${__value.raw}")]),
        Column("Kind", label="kind", width=125, links=[to_board("This kind", KIND, "kind=${__value.raw}")]),
        Column("Tier", label="tier", width=75, links=[to_board("Liveness and rescue", RESCUE)]),
        Column("Reason", label="reason", width=110, links=[to_page("The jobs", "/stuck?reason=${__value.raw}")]),
        Column("For", expr=f"time() - {since}", unit="s"),
        width=14, height=7, sort={"Severity": False, "For": False},
        links=[to_page("Stuck jobs", "/stuck"), to_page("Failing", "/failing")],
    )  # fmt: skip


def severities() -> list[Json]:
    colors = {"critical": BAD, "warning": WARN, "info": "blue"}
    options = {name: {"text": name, "color": color, "index": index}
               for index, (name, color) in enumerate(colors.items())}  # fmt: skip
    return [{"type": "value", "options": options}]


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
        normal="flowing. Somebody paused a paused queue: find out who before you resume it.",
        next="frozen: are the clients alive? Do stuck jobs hold all slots? No producer: is the client deployed?",
        empty="No queue in this time range",
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


def queues(q: Queries) -> Panel:
    text = Text(
        shows="Every queue of the last hour. Drain time: how long the due jobs take at the present rate, if no "
        "new job arrives.",
        normal="waits far below their limits, drain times of seconds, no job on its last attempt.",
        next="click a queue for its kinds. Many due jobs and few clients: workers are missing. Many running and "
        "few finished: jobs take longer than before.",
        empty="No queue was seen in the last hour",
    )
    due = by("queue", q.fact("river_jobs_ready"))
    waited = by("queue", q.age("river_job_oldest_ready_timestamp_seconds"), "max")
    finished = by("queue", q.rate("river_jobs_finished_total"))
    return table(
        "Queues now", text,
        Column("Queue", label="queue", links=[
            to_board("Its kinds", KIND, "queue=${__value.raw}"),
            to_page("Its failing jobs", "/failing?queue=${__value.raw}")]),
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


DAY = 86_400  # River keeps completed and cancelled jobs for a day, discarded ones for a week, unless told otherwise
HOUR = 3_600


def maintenance(q: Queries) -> tuple[Panel, ...]:
    return leader(q), overdue(q), cleaner(q), poison(q), table_size(q)


def leader(q: Queries) -> Panel:
    text = Text(
        shows="Time until the leader's lease expires; below 0, time without a leader.",
        normal="between 0 and 15 s: the leader renews its lease every few seconds.",
        next="below 0: no client runs maintenance. Retries and scheduled jobs do not become available; start a client.",
        empty="no leader's row",
    )
    left = f"- {q.age('river_leader_expires_timestamp_seconds')}"
    return stat("Leader leads for", text, Query(total(left, "max"), "lease", Form.NOW), unit="s", width=3, height=5,
                thresholds=steps((None, BAD), (0, GOOD)), decimals=0)  # fmt: skip


def overdue(q: Queries) -> Panel:
    text = Text(
        shows="Scheduled and retryable jobs that were due more than 30 s ago: the scheduler does not move them.",
        normal="0.",
        next="above 0 while there is a leader: its scheduler is stuck or overloaded; read the leader's log.",
        empty="not readable",
    )
    return stat("Overdue jobs", text, Query(total(q.fact("river_jobs_overdue")), "overdue"), unit="short", width=3,
                height=5, thresholds=ANY_IS_BAD)  # fmt: skip


def cleaner(q: Queries) -> Panel:
    text = Text(
        shows="Age of the oldest finished job that is still in the table, by state.",
        normal="up to River's retention, by default a day, for discarded jobs a week.",
        next="far above: the cleaner does not run or is too slow; the table and its indexes grow.",
        empty="no finished job",
    )
    late = steps((None, GOOD), (DAY + HOUR, WARN))
    return stat(
        "Oldest finished job", text,
        Query(by("state", q.age("river_oldest_finalized_timestamp_seconds"), "max"), "{{state}}", Form.NOW),
        unit="s", width=7, height=5, thresholds=late, named_values=True,
        overrides=[named("discarded", thresholds=steps((None, GOOD), (7 * DAY + HOUR, WARN)))],
    )  # fmt: skip


def poison(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs whose metadata stops River's own rescuer for every job of the schema.",
        normal="0.",
        next="`riverkeeper check` lists them with the fix.",
        empty="not readable",
    )
    return stat(
        "Poison jobs", text, Query(total(q.fact("river_rescuer_poison_jobs")), "poison", Form.NOW), unit="short",
        width=3, height=5, thresholds=ANY_IS_BAD, links=[to_page("Stuck jobs", "/stuck")],
    )  # fmt: skip


def table_size(q: Queries) -> Panel:
    text = Text(
        shows="Size of each table with its indexes, and the rows that wait for vacuum.",
        normal="flat, or sawteeth. Many dead rows make every claim slower.",
        next="dead rows that only grow: is a transaction open for hours? Is autovacuum off?",
        empty="No statistics of the tables",
    )
    return timeseries(
        "Table size", text,
        Query(by("table", q.fact("river_table_bytes"), "max"), "{{table}}"),
        Query(by("table", q.fact("river_table_dead_rows"), "max"), "{{table}} dead rows"),
        unit="bytes", width=8, height=5, thresholds=NEUTRAL,
        overrides=[matching("dead rows$", unit="short", custom__axisPlacement="right")],
    )  # fmt: skip
