"""Metric families of the rescuer: which brakes pause it, and what this process did. Pure."""

from __future__ import annotations

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Mode
from riverkeeper.evidence.pods import EndCause
from riverkeeper.ledger.names import OTHER
from riverkeeper.metrics.cardinality import sum_samples
from riverkeeper.metrics.family import Bucketed, Family, MetricType, Per, Samples
from riverkeeper.rescue.audit.report import ClaimCounts, sum_by_tier
from riverkeeper.rescue.refusal import Refusal
from riverkeeper.rescue.status import LATE_OUTCOMES, TIME_EDGES, Acts
from riverkeeper.rescue.wakes.wake import AlertStatus
from riverkeeper.scrape.scrape import Snapshot

TIERS = 8  # label values that are counted on in docs/metrics.md


def rescue_mode(snapshot: Snapshot) -> Samples:
    for tier, mode in snapshot.rescuing.modes.items() if snapshot.rescuing else ():
        yield from (((tier, possible.value), float(possible is mode)) for possible in Mode)


def brake_engaged(snapshot: Snapshot) -> Samples:
    if snapshot.rescuing is not None:
        yield from (((brake.value,), float(brake in snapshot.rescuing.brakes)) for brake in Brake)


def wakes_open(snapshot: Snapshot) -> Samples:
    if snapshot.rescuing is not None and snapshot.rescuing.wakes_open is not None:
        yield (), float(snapshot.rescuing.wakes_open)


def last_rescue(snapshot: Snapshot) -> Samples:
    if snapshot.rescuing is not None and snapshot.rescuing.last_rescue_at is not None:
        yield (), snapshot.rescuing.last_rescue_at


def rescued_claims(snapshot: Snapshot) -> Samples:
    """Zeros for each tier in its mode, so that a first one is seen to come."""
    state = snapshot.rescuing
    if state is None or state.claims is None:
        return
    tiers = {(tier, mode) for tier, mode in state.modes.items() if mode is not Mode.DISABLED}
    tallies = {
        (counts.tier, Mode.DRY_RUN if counts.dry_run else Mode.LIVE): counts for counts in sum_by_tier(state.claims)
    }
    for tier, mode in sorted(tiers | tallies.keys()):
        counts = tallies.get((tier, mode), ClaimCounts(tier, "", mode is Mode.DRY_RUN, 0, 0, 0, 0))
        numbers = {
            "right": counts.right_claims,
            "false": counts.false_claims,
            "unknown": counts.unknown,
            "open": counts.open,
        }
        yield from (((tier, mode.value, outcome), float(numbers[outcome])) for outcome in OUTCOMES)


def false_rescues(snapshot: Snapshot) -> Samples:
    if snapshot.rescuing is None or snapshot.rescuing.claims is None:
        return ()
    known = {kind for _, kind in snapshot.names.pairs}
    return sum_samples(
        ((counts.tier, counts.kind if counts.kind in known else OTHER), counts.false_claims)
        for counts in snapshot.rescuing.claims
        if counts.false_claims and not counts.dry_run
    )


OUTCOMES = ("right", "false", "unknown", "open")


def is_active(acts: Acts) -> Samples:
    yield (), float(acts.is_active)


def rescues(acts: Acts) -> Samples:
    return ((key, float(count)) for key, count in acts.rescues.items())


def refusals(acts: Acts) -> Samples:
    return (((refusal,), float(count)) for refusal, count in acts.refusals.items())


def late_finishes(acts: Acts) -> Samples:
    return ((key, float(count)) for key, count in acts.late_finishes.items())


def late_results(acts: Acts) -> Samples:
    return ((key, float(count)) for key, count in acts.late_results.items())


def lost_jobs(acts: Acts) -> Samples:
    return ((key, float(count)) for key, count in acts.lost_jobs.items())


def time_to_rescue(acts: Acts) -> Samples:
    yield (), Bucketed(tuple(acts.to_rescue), acts.to_rescue_seconds)


def webhook_alerts(acts: Acts) -> Samples:
    return (((status,), float(count)) for status, count in acts.webhook_alerts.items())


def last_webhook(acts: Acts) -> Samples:
    if acts.last_webhook_at is not None:
        yield (), acts.last_webhook_at


RESCUING: tuple[Family[Snapshot], ...] = (
    Family(
        "riverkeeper_rescue_mode",
        MetricType.GAUGE,
        "1 for the mode in force in the tier: disabled, dry_run or live; 0 for the others.",
        ("tier", "mode"),
        rescue_mode,
        per=Per.OTHER,
        times=TIERS * len(Mode),
    ),
    Family(
        "riverkeeper_brake_engaged",
        MetricType.GAUGE,
        "1 while the brake pauses all rescues. The front page shows why.",
        ("brake",),
        brake_engaged,
        per=Per.OTHER,
        times=len(Brake),
    ),
    Family(
        "riverkeeper_wakes_open",
        MetricType.GAUGE,
        "Wakes that were received and are not closed yet. Absent without a keeper schema.",
        (),
        wakes_open,
    ),
    Family(
        "riverkeeper_last_rescue_timestamp_seconds",
        MetricType.GAUGE,
        "When a job was last rescued (Unix time, database clock). Dry runs do not count. Absent until a job is "
        "rescued.",
        (),
        last_rescue,
    ),
    Family(
        "riverkeeper_rescued_claims",
        MetricType.GAUGE,
        "Claims of the last 24 hours that a rescue took away (mode live) or would have taken away (dry_run), by "
        "outcome: right, false (the previous worker was alive), unknown (it cannot be known), open (it is not known "
        "yet). A false rescue is known at once, a right one after ten minutes. In a dry run it takes a day.",
        ("tier", "mode", "outcome"),
        rescued_claims,
        per=Per.OTHER,
        times=TIERS * len(OUTCOMES),
    ),
    Family(
        "riverkeeper_false_rescues",
        MetricType.GAUGE,
        "Claims of the last 24 hours that a rescue took from a worker that was alive, by kind. Dry runs do not count. "
        "Absent if there is none.",
        ("tier", "kind"),
        false_rescues,
        per=Per.PAIR,
    ),
)

ACTS: tuple[Family[Acts], ...] = (
    Family(
        "riverkeeper_actor",
        MetricType.GAUGE,
        "1 on the active replica, whose supervisor rescues; 0 on the other replicas.",
        (),
        is_active,
    ),
    Family(
        "riverkeeper_rescues_total",
        MetricType.COUNTER,
        "Rescues that this process committed, by tier, reason and action (retry, discard, cancel, stop). Dry runs do "
        "not count.",
        ("tier", "reason", "action"),
        rescues,
        per=Per.OTHER,
        times=TIERS * 7,
    ),
    Family(
        "riverkeeper_rescue_refusals_total",
        MetricType.COUNTER,
        "Times that this process skipped a stuck job, by the reason for skipping it.",
        ("refusal",),
        refusals,
        per=Per.OTHER,
        times=len(Refusal),
    ),
    Family(
        "riverkeeper_late_finishes_total",
        MetricType.COUNTER,
        "False rescues: the previous worker beat or finished after its job was rescued. The process that finds a false "
        "rescue counts it. Not known for clients that do not beat.",
        ("queue", "kind"),
        late_finishes,
        per=Per.PAIR,
    ),
    Family(
        "riverkeeper_late_results_total",
        MetricType.COUNTER,
        "Results that came after their claim was over. The fence dropped them. Each shows that the previous worker was "
        'alive. outcome="unknown": the job was not running when the result came. The active replica counts each result '
        "once.",
        ("queue", "kind", "outcome"),
        late_results,
        per=Per.PAIR,
        times=len(LATE_OUTCOMES),
    ),
    Family(
        "riverkeeper_jobs_lost_total",
        MetricType.COUNTER,
        "Jobs whose worker's container ended while it held them, by proof from Kubernetes and by why it ended: "
        "OOMKilled, Evicted, Preempted, NodeShutdown, Completed, Error. Dry runs and held jobs count too. The active "
        "replica counts each job once; a job whose container ended while no replica was active is not counted. Absent "
        "without `kubernetes.enabled`.",
        ("queue", "reason"),
        lost_jobs,
        per=Per.QUEUE,
        times=len(EndCause),
    ),
    Family(
        "riverkeeper_time_to_rescue_seconds",
        MetricType.HISTOGRAM,
        "Time from the moment a job passed its limit to its rescue. If the heartbeat path was verified later, the time "
        "begins then.",
        (),
        time_to_rescue,
        edges=TIME_EDGES,
    ),
    Family(
        "riverkeeper_webhook_alerts_total",
        MetricType.COUNTER,
        "Alerts that the webhook accepted, by status. firing wakes the rescuer, repeats included. The others do "
        "nothing: resolved, not_allowed (without the label rescue=allow), unknown_scope (unknown tier or reason), "
        "expired (began too long ago), truncated (Alertmanager left them out).",
        ("status",),
        webhook_alerts,
        per=Per.OTHER,
        times=len(AlertStatus),
    ),
    Family(
        "riverkeeper_last_webhook_timestamp_seconds",
        MetricType.GAUGE,
        "When the webhook last accepted a message (Unix time, clock of this process). Absent until it accepts one.",
        (),
        last_webhook,
    ),
)
