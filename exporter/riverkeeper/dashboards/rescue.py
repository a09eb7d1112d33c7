"""The board of liveness and rescues: what is stuck, what the rescuer does, and whether Riverkeeper is well. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.board import Board, BoardSection
from riverkeeper.dashboards.parts.facts import (
    MODES,
    brakes_engaged,
    mode_of_tiers,
)
from riverkeeper.dashboards.parts.field import (
    ANY_IS_BAD,
    ANY_IS_ODD,
    ONE_ACTIVE,
    RESCUES_PAGE,
    STUCK_PAGE,
    named,
    steps,
    to_board,
    to_page,
    words,
)
from riverkeeper.dashboards.parts.palette import BAD, PLAIN, QUIET, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeline, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND, RESCUE, DashboardScope
from riverkeeper.dashboards.parts.tables import COLORED, Column, table
from riverkeeper.dashboards.sections.liveness import liveness
from riverkeeper.dashboards.sections.lost_work import cost
from riverkeeper.dashboards.sections.riverkeeper_itself import riverkeeper_itself

FILTERS = ("queue", "kind")
BRAKES = {0: ("off", PLAIN), 1: ("PAUSES", WARN)}
BRAKE_LINES = {0: ("released", QUIET), 1: ("PAUSES ALL RESCUES", WARN)}


def rescue_board(scope: DashboardScope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        RESCUE,
        "Riverkeeper / Liveness and rescue",
        "What happens to a stuck job now? Are running jobs alive? What did the rescuer do? A purple mark is a rescue.",
        FILTERS,
        (
            modes(q), brakes(q), active_replicas(q),
            stuck(q), suspected(q),
            undecided(q), wakes(q), policy_raised(q), last(q), brakes_over_time(q),
        ),
        (
            BoardSection("Are running jobs alive?", liveness(q)),
            BoardSection("What the rescuer did", rescues(q)),
            BoardSection("What failures and rescues cost", cost(q)),
            BoardSection("Riverkeeper itself", riverkeeper_itself(q), collapsed=True),
        ),
    )  # fmt: skip


def modes(q: Queries) -> Panel:
    text = Text(
        shows="What the rescuer does in each tier. Disabled: nothing. Dry run: it judges and records, and changes no "
        "job. Live: it rescues. DRY RUN in orange: jobs of that tier are stuck, and nobody restarts them.",
        normal="the mode that you configured. Dry run is the default. `riverkeeper rescue report` shows when live mode "
        "is safe.",
        next="change rescue.mode, or the mode of the tier, in the configuration. The stricter of the two wins.",
        empty="the rescuer does not run",
    )
    return stat("Mode by tier", text, Query(mode_of_tiers(q), "{{tier}}"), unit="none", width=11,
                height=5, mappings=words(MODES), named_values=True, size=22,
                links=[to_page("Stuck jobs of this tier", "/stuck?tier=${__field.labels.tier}")])  # fmt: skip


def brakes(q: Queries) -> Panel:
    text = Text(
        shows="The brakes that pause all rescues now. One engaged brake is enough.",
        normal="all off. Grace is engaged for a minute after a start.",
        next="`riverkeeper rescue status` shows the reason. `rescue resume` ends the kill switch, `rescue release "
        "BRAKE` another brake. `mass_silence`: are the workers gone, or do their heartbeats not reach the database?",
        empty="the rescuer does not run",
    )
    held = brakes_engaged(q)
    return stat("Brakes", text, Query(held, "{{brake}}"), unit="none", width=10, height=5,
                mappings=words(BRAKES), named_values=True, links=[RESCUES_PAGE])  # fmt: skip


def active_replicas(q: Queries) -> Panel:
    text = Text(
        shows="Number of active replicas. Every replica serves metrics. Only the active one rescues.",
        normal="1, or 2 for a moment when leadership changes.",
        next="0: the supervisor is off, or no replica may write. Run `riverkeeper check`.",
        empty="the rescuer does not run",
    )
    active = f"sum({q.select('riverkeeper_actor')})"
    return stat(
        "Active replicas",
        text,
        Query(active, "active"),
        unit="short",
        width=3,
        height=5,
        thresholds=ONE_ACTIVE,
    )


def brakes_over_time(q: Queries) -> Panel:
    text = Text(
        shows="The brakes that paused all rescues, over time.",
        normal="released, except grace after a start.",
        next="a brake was engaged while jobs were stuck: Riverkeeper's log of that time has the reason.",
        empty="The rescuer did not run in this time range",
    )
    held = brakes_engaged(q)
    return timeline("Brakes over time", text, Query(held, "{{brake}}"), mappings=words(BRAKE_LINES), width=24, height=6)


def stuck(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that are proven to be stuck, by reason.",
        normal="an empty table, or rows that disappear within a minute where the tier is live.",
        next="click the reason to see the jobs, with the evidence and the planned action for each.",
        empty="No job is proven to be stuck. If no modes are shown above, there are no verdicts",
    )
    return _jobs_by_reason("Stuck: proven", text, q.fact("river_jobs_stuck"), BAD)


def suspected(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that may be stuck, without proof, by what is missing. Riverkeeper rescues none of "
        "them.",
        normal="an empty table, or a few jobs for a minute after a deploy.",
        next="path_unverified: do heartbeats reach the database? beats_missing: do those workers have the heartbeat "
        "client? worker_suspect: ask whether that process still runs.",
        empty="No job is suspected",
    )
    return _jobs_by_reason("Suspected: not proven", text, q.fact("river_jobs_suspected"), WARN)


def _jobs_by_reason(title: str, text: Text, jobs: str, color: str) -> Panel:
    return table(
        title, text,
        Column("Jobs", width=70, expr=f"{by('queue, kind, tier, reason', jobs)} > 0",
               look={"thresholds": steps((None, color)), **COLORED}),
        Column("Reason", label="reason", links=[
            to_page("The jobs", f"/stuck?reason=${{__value.raw}}&{OF_ROW}")]),
        Column("Kind", label="kind", links=[to_board("This kind", KIND, "kind=${__value.raw}")]),
        Column("Queue", label="queue", links=[to_page("Its stuck jobs", "/stuck?queue=${__value.raw}")]),
        Column("Tier", label="tier", links=[to_page("Its stuck jobs", "/stuck?tier=${__value.raw}")]),
        width=12, height=6, sort={"Jobs": True}, links=[STUCK_PAGE],
    )  # fmt: skip


OF_ROW = "kind=${__data.fields.Kind}&queue=${__data.fields.Queue}"
FOR_OPERATOR = "over_budget|rescue_loop"  # by default the policy holds these for a decision


def undecided(q: Queries) -> Panel:
    text = Text(
        shows="Stuck jobs that Riverkeeper does not restart by itself. over_budget: the job runs longer than the limit "
        "of its kind. rescue_loop: the job was rescued too often within a day.",
        normal="0.",
        next="click to see the jobs. Is the work still useful? Cancel the job, run it again, or raise the limit of its "
        "kind.",
        empty="no verdicts",
    )
    jobs = by("reason", q.fact("river_jobs_stuck", reason=f"~{FOR_OPERATOR}"))
    return stat("Jobs that wait for a decision", text, Query(jobs, "{{reason}}"), unit="short", width=7,
                thresholds=ANY_IS_ODD, named_values=True,
                links=[to_page("The jobs", "/stuck?reason=${__field.labels.reason}")])  # fmt: skip


def policy_raised(q: Queries) -> Panel:
    text = Text(
        shows="Limits that are higher than configured, because a client declares a longer interval or lease.",
        normal="0.",
        next="Riverkeeper notices a dead worker of that tier later than configured. Shorten the interval in the "
        "client, or raise the tier's limit.",
        empty="no limits",
    )
    raised = total(q.fact("riverkeeper_policy_raised"))
    return stat("Limits raised by clients", text, Query(raised, "raised"), unit="short", width=5,
                thresholds=ANY_IS_ODD, links=[STUCK_PAGE])  # fmt: skip


TIME = "riverkeeper_time_to_rescue_seconds"


def rescues(q: Queries) -> tuple[Panel, ...]:
    return done(q), refused(q), late(q), time_to_rescue(q), webhook(q), outcomes(q)


def done(q: Queries) -> Panel:
    text = Text(
        shows="Rescues by reason and action, without dry runs.",
        normal="few: one for each job of a dead worker.",
        next="click to see each job. The same kind comes again and again: its jobs may kill their workers.",
        empty="No rescue. A dry run rescues nothing: see `riverkeeper rescue report`",
    )
    count = by("reason, action", q.rare_acts("riverkeeper_rescues_total"))
    return timeseries("Rescues", text, Query(f"{count} > 0", "{{reason}}: {{action}}"), unit="short",
                      stacked=True, bars=True, links=[RESCUES_PAGE])  # fmt: skip


def refused(q: Queries) -> Panel:
    text = Text(
        shows="How often Riverkeeper skipped a stuck job, by cause. A job counts again in each rescue pass.",
        normal="few. In dry run `recorded` is normal: in live mode Riverkeeper would have rescued the job.",
        next="brake…: see Brakes above. hold_by_policy, exhausted, max_rescues, cancel_unknown: an operator decides. "
        "Click to see the jobs.",
        empty="No job was skipped, or no rescuer ran",
    )
    count = by("refusal", q.rare_acts("riverkeeper_rescue_refusals_total"))
    return timeseries("Refusals", text, Query(f"{count} > 0", "{{refusal}}"), unit="short", stacked=True, bars=True,
                      links=[STUCK_PAGE])  # fmt: skip


def late(q: Queries) -> Panel:
    text = Text(
        shows="False rescues in this time range: the previous worker was alive, and beat or finished after the rescue.",
        normal="0.",
        next="above 0 in live mode: go back to dry run. The timeout is too short, or workers lost the network.",
        empty="none",
    )
    count = total(q.rare_acts("riverkeeper_late_finishes_total", "$__range"))
    return stat("False rescues", text, Query(count, "false"), unit="short", width=4, height=8,
                thresholds=ANY_IS_BAD, decimals=0, links=[RESCUES_PAGE])  # fmt: skip


def last(q: Queries) -> Panel:
    text = Text(
        shows="Time of the last rescue.",
        normal="long ago.",
        next="click to see the job, the evidence, and whether the job ran again.",
        empty="no rescue yet",
    )
    moment = total(q.fact("riverkeeper_last_rescue_timestamp_seconds"), "max")
    return stat("Last rescue", text, Query(f"{moment} * 1000", "last"), unit="dateTimeFromNow", width=6,
                links=[RESCUES_PAGE])  # fmt: skip


def wakes(q: Queries) -> Panel:
    text = Text(
        shows="Wakes that the rescuer has not handled yet: now, and the smallest number of the last ten minutes.",
        normal="0, or a few for less than a minute.",
        next="the second number is above 0: nobody handles wakes. Is a replica active? Is a brake engaged? See "
        "Refusals below.",
        empty="no inbox: Riverkeeper has no schema of its own",
    )
    count = total(q.fact("riverkeeper_wakes_open"), "max")
    least = total(q.once(f"min_over_time({q.select('riverkeeper_wakes_open')}[10m])"), "max")
    return stat("Open wakes", text, Query(count, "now"), Query(least, "for 10 min"), unit="short",
                width=6, named_values=True, overrides=[named("for 10 min", thresholds=ANY_IS_ODD)],
                links=[RESCUES_PAGE])  # fmt: skip


def time_to_rescue(q: Queries) -> Panel:
    text = Text(
        shows="Time from the moment at which a job passed its limit to its rescue.",
        normal="p95 is below 60 s with the supervisor, and some minutes with alerts alone.",
        next="it takes longer: check rescue.interval, the rate brake, and Alertmanager's group_wait.",
        empty="No rescue in this time range",
    )
    counts = by("le", q.acts(TIME, "_bucket"))
    return timeseries(
        "Time to rescue", text,
        Query(f"histogram_quantile(0.5, {counts}) >= 0", "p50"),
        Query(f"histogram_quantile(0.95, {counts}) >= 0", "p95"),
        unit="s", width=10, height=8, fill=0, logarithmic=True,
        links=[RESCUES_PAGE],
    )  # fmt: skip


def outcomes(q: Queries) -> Panel:
    text = Text(
        shows="Outcomes of the claims that were rescued in the last 24 hours, and of those that a dry run would have "
        "rescued.",
        normal="right. An outcome is open for some minutes, in a dry run for up to a day.",
        next="false: see False rescues. Do not compute a rate from these lines: a false rescue is known at once, a "
        "right one only later. `riverkeeper rescue report` shows the rate.",
        empty="The audit cannot be read",
    )
    counts = by("mode, outcome", q.fact("riverkeeper_rescued_claims"))
    return timeseries("Rescued claims by outcome", text, Query(f"{counts} > 0", "{{mode}}: {{outcome}}"),
                      unit="short", width=24, height=7, fill=0, decimals=0,
                      links=[RESCUES_PAGE])  # fmt: skip


def webhook(q: Queries) -> Panel:
    text = Text(
        shows="Alerts that the webhook received, by status. Alerts that allow no rescue are counted too.",
        normal="firing and resolved in pairs, and RiverWatchdog every 5 minutes.",
        next="no line while alerts fire: does Alertmanager have the route and the token?",
        empty="The webhook is off: no token is set",
    )
    count = by("status", q.acts("riverkeeper_webhook_alerts_total"))
    return timeseries("Alerts received", text, Query(count, "{{status}}"), unit="short", width=10, height=8,
                      stacked=True, bars=True, links=[RESCUES_PAGE])  # fmt: skip
