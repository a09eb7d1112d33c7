"""Every alert, what makes it fire, and how long it may take: the facts of a River in calm and in trouble. Pure.

A River is calm until minute BEGIN; then what the alert watches for begins. situations.py has what happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

BEGIN = 70  # minutes: longer than the hour over which counters are read
Reading = Callable[[int], float | None]  # what a scrape finds in a minute; None: no sample


def always(value: float) -> Reading:
    return lambda minute: value


def clock(minute: int) -> float:
    return 60.0 * minute


def still(minute: int) -> float:
    """A moment that does not move on from BEGIN."""
    return 60.0 * BEGIN


def rising(step: float) -> Reading:
    return lambda minute: step * minute


def from_begin(step: float) -> Reading:
    return lambda minute: step * max(0, minute - BEGIN)


def absent(minute: int) -> None:
    return None


def worked_off(minute: int) -> float:
    """600 at once, and 40 fewer each minute."""
    return max(0.0, 600.0 - 40 * (minute - BEGIN)) if minute >= BEGIN else 0.0


def while_any(value: Reading) -> Reading:
    """Of the oldest of them."""
    return lambda minute: value(minute) if worked_off(minute) else None


@dataclass(frozen=True)
class Fact:
    """A series of Riverkeeper without its target's labels: its values while all is well, and in trouble."""

    name: str
    labels: str
    calm: Reading
    bad: Reading | None = None  # None: as calm
    mass: Reading | None = None  # much at once that is worked off by itself; None: it cannot be

    @property
    def is_counter(self) -> bool:
        return self.name.endswith(("_total", "_count", "_bucket"))

    @property
    def of_a_name(self) -> bool:
        return "queue=" in self.labels


@dataclass(frozen=True)
class Trouble:
    """A rule, what makes it fire, and how long it may take."""

    rule: str  # its key: alert, and cause or burn
    facts: tuple[Fact, ...]
    after: int  # minutes from the beginning of the trouble to the alert, at most
    resolves: int | None = 12  # minutes from its end to the end of the alert, at most; None: a day
    remembers: bool = False  # fires on when the River's series are gone

    @property
    def looks_back(self) -> bool:
        """Over an hour, or at the clock, which begins with the first minute."""
        return any(fact.is_counter or fact.name == "riverkeeper_last_webhook_timestamp_seconds" for fact in self.facts)

    @property
    def fires(self) -> int:
        return BEGIN + self.after


QUEUE, PAIR = 'queue="default"', 'queue="default", kind="mail"'
TIERED = f'{PAIR}, tier="standard"'
HEALTHY = (
    Fact("river_up", "", always(1)),
    Fact("riverkeeper_snapshot_timestamp_seconds", "", clock),
    *(Fact("riverkeeper_query_success", f'query="{query}"', always(1)) for query in ("running", "queues", "leader")),
    Fact("riverkeeper_rescue_mode", 'tier="standard", mode="live"', always(1)),
    Fact("river_queue_paused", QUEUE, always(0)),
)
WAITS = (
    Fact("river_jobs_ready", f'{QUEUE}, priority="1"', always(0), always(3)),
    Fact("river_job_oldest_ready_timestamp_seconds", f'{QUEUE}, priority="1"', absent, still),
)
CLAIMED = tuple(replace(fact, mass=mass) for fact, mass in zip(WAITS, (worked_off, while_any(still)), strict=True))
LEADER = Fact("river_leader_expires_timestamp_seconds", "", lambda minute: clock(minute) + 15)
OVERDUE = Fact("river_jobs_overdue", f'{QUEUE}, state="scheduled"', always(0), always(5), worked_off)
WAIT_LIMIT = Fact(
    "river_queue_wait_limit_seconds", f'{QUEUE}, priority="1", tier="standard", bucket="300.0"', always(300)
)


def waits(late: float) -> tuple[Fact, ...]:
    """Ten jobs a minute, `late` of them after the limit."""
    started, name = f'{QUEUE}, priority="1"', "river_job_wait_duration_seconds"
    good: Reading = lambda minute: 10 * minute - late * max(0, minute - BEGIN)  # noqa: E731
    return (
        Fact(f"{name}_count", started, rising(10)),
        Fact(f"{name}_bucket", f'{started}, le="300.0"', rising(10), good),
        Fact(f"{name}_bucket", f'{started}, le="+Inf"', rising(10)),
    )


def finished(lost: float) -> tuple[Fact, ...]:
    outcome = f'{PAIR}, outcome="%s"'
    return (
        Fact("river_jobs_stuck", f'{TIERED}, reason="worker_lost"', always(0)),
        Fact("river_jobs_finished_total", outcome % "completed", rising(10)),
        Fact("river_jobs_finished_total", outcome % "discarded", always(0), from_begin(lost)),
    )


def _gauge(name: str, labels: str, calm: float, bad: float, mass: Reading | None = None) -> tuple[Fact, ...]:
    return (Fact(name, labels, always(calm), always(bad), mass),)


def _target(*more: str) -> str:
    return ", ".join(('river_schema="public", keeper_schema="riverkeeper"', *more))


KEPT = 20  # minutes: keep_firing_for, and the bridge over failed scrapes
HOUR = 75  # minutes: the hour that is looked at has passed
CASES = (
    Trouble("RiverNotWatched exporter_down", (Fact("river_up", "", always(1), absent),), 8, remembers=True),
    Trouble("RiverNotWatched database_unreadable", _gauge("river_up", "", 1, 0), 3),
    Trouble("RiverNoWorkers", _gauge("river_beating_clients", "", 5, 0), 5, KEPT),
    Trouble(
        "RiverQueueNotMoving nothing_claimed",
        (*CLAIMED, Fact("river_queue_last_claim_timestamp_seconds", QUEUE, clock, still, clock)),
        11,
        KEPT,
    ),
    Trouble("RiverQueueNotMoving no_producer", WAITS, 11, KEPT),
    Trouble(
        "RiverQueueNotMoving no_worker_for_kind",
        (
            Fact("river_jobs_by_kind", f'{PAIR}, state="available"', always(0), always(7)),
            Fact("river_jobs_by_kind", f'{PAIR}, state="running"', always(0)),
            Fact("river_queue_last_claim_timestamp_seconds", QUEUE, clock),
        ),
        30,
        KEPT,
    ),
    Trouble("RiverSchedulingStopped no_leader", (OVERDUE, Fact(LEADER.name, "", LEADER.calm, still)), 6),
    Trouble("RiverSchedulingStopped scheduler_stalled", (OVERDUE, LEADER), 11),
    Trouble(
        "RiverJobsStuck",
        (
            *_gauge("river_jobs_stuck", f'{TIERED}, reason="worker_lost"', 0, 3, worked_off),
            Fact("river_job_oldest_stuck_timestamp_seconds", TIERED, absent, still, while_any(still)),
        ),
        11,
    ),
    Trouble("RiverWaitBudgetBurning fast", (WAIT_LIMIT, *waits(8)), 15, HOUR),
    Trouble("RiverWaitBudgetBurning slow", (WAIT_LIMIT, *waits(8)), 25, HOUR),
    Trouble(
        "RiverWaitBudgetBurning now",
        (
            *WAITS,
            Fact("river_job_limit_used_ratio", f'{QUEUE}, tier="standard", limit="wait"', always(0.1), always(2)),
            Fact("river_job_limit_seconds", 'kind="", tier="standard", limit="wait"', always(300)),
        ),
        5,
    ),
    Trouble("RiverLossBudgetBurning fast", finished(8), 15, HOUR),
    Trouble("RiverLossBudgetBurning slow", finished(8), 25, HOUR),
    Trouble(
        "RiverJobsMayHaveRunTwice",
        (Fact("riverkeeper_false_rescues", 'tier="standard", kind="mail"', absent, always(2)),),
        0,
    ),
    Trouble("RiverRescuesPaused", _gauge("riverkeeper_brake_engaged", 'brake="kill_switch"', 0, 1), 10),
    Trouble(
        "RiverKindFailing",
        (
            Fact("river_job_attempts_ended_total", f'{PAIR}, outcome="completed"', rising(10)),
            Fact("river_job_attempts_ended_total", f'{PAIR}, outcome="failed"', always(0), from_begin(20)),
        ),
        25,
        HOUR,
    ),
    Trouble(
        "RiverQueuePaused",
        (
            Fact("river_jobs_ready", f'{QUEUE}, priority="1"', always(3)),
            Fact("river_queue_paused", QUEUE, always(0), always(1)),
        ),
        30,
    ),
    Trouble(
        "RiverKindOverdue",
        (
            Fact("river_job_limit_used_ratio", f'{TIERED}, limit="silence"', always(0.5), always(1.5)),
            Fact("river_job_limit_seconds", 'kind="mail", tier="standard", limit="silence"', always(3600)),
        ),
        5,
    ),
    Trouble("RiverJobsNeedDecision", _gauge("river_jobs_stuck", f'{TIERED}, reason="rescue_loop"', 0, 2), 15),
    Trouble("RiverRescuerPoisoned", _gauge("river_rescuer_poison_jobs", "", 0, 1), 15),
    Trouble(
        "RiverkeeperScrapesIncomplete query_failing", _gauge("riverkeeper_query_success", 'query="queues"', 1, 0), 15
    ),
    Trouble("RiverkeeperReloadFailed", _gauge("riverkeeper_config_last_reload_successful", "", 1, 0), 5),
    Trouble("RiverkeeperNoActiveReplica", _gauge("riverkeeper_actor", "", 1, 0), 5),
    Trouble("RiverkeeperClockSkewed", _gauge("riverkeeper_clock_skew_seconds", "", 0.1, 8), 15),
    Trouble("RiverkeeperCountsNotDurable", _gauge("riverkeeper_ledger_durable", "", 1, 0), 30),
    Trouble(
        "RiverkeeperWebhookNotReached",
        (Fact("riverkeeper_last_webhook_timestamp_seconds", "", clock, still),),
        21,
        remembers=True,
    ),
    Trouble("RiverRescueWake", _gauge("river_jobs_stuck", f'{TIERED}, reason="hung"', 0, 2), 0),
    Trouble(
        "RiverkeeperScrapesIncomplete restarting",
        (Fact("process_start_time_seconds", "", always(0), lambda minute: 480.0 * ((minute - BEGIN) // 8)),),
        35,
        HOUR,
    ),
    Trouble(
        "RiverkeeperScrapesIncomplete gaps",
        (Fact("river_up", "", always(1), lambda minute: 1.0 if minute % 10 < 7 else None),),
        36,
        HOUR,
    ),
    Trouble(
        "RiverkeeperTargetsMixed several_rivers",
        (
            Fact("riverkeeper_target_info", _target('database="orders"'), always(1)),
            Fact("riverkeeper_target_info", _target('database="mail"'), absent, always(1)),
        ),
        15,
        KEPT,
    ),
    Trouble(
        "RiverkeeperTargetsMixed replica_labels",
        (
            Fact("riverkeeper_target_info", _target('database="orders"', 'zone="1"'), always(1)),
            Fact("riverkeeper_target_info", _target('database="orders"', 'zone="2"'), absent, always(1)),
        ),
        15,
        KEPT,
    ),
    Trouble(
        "RiverCleanerBehind",
        (
            Fact(
                "river_oldest_finalized_timestamp_seconds",
                'state="completed"',
                lambda minute: clock(minute) - 3600,
                lambda minute: clock(minute) - 3 * 86400,
            ),
        ),
        60,
    ),
    Trouble(
        "RiverWorkersOutOfMemory",
        (Fact("riverkeeper_jobs_lost_total", f'{QUEUE}, reason="OOMKilled"', always(0), from_begin(0.5)),),
        8,
        HOUR,
    ),
    Trouble(
        "RiverWorkersLostOften",
        (
            Fact(
                "river_job_attempts_ended_total",
                f'{PAIR}, outcome="rescued"',
                always(0),
                from_begin(0.5),
            ),
        ),
        78,
        HOUR,
    ),
    Trouble(
        "RiverUnknownKindDiscarded",
        (Fact("river_jobs_rescued_total", f'{PAIR}, outcome="unknown_kind"', always(0), always(1)),),
        1,
        resolves=None,
        remembers=True,
    ),
)
# A situation happens to the series of a River that was scraped. These two read none such.
ELSEWHERE = {
    "RiverNotWatched never_scraped": "fires where Prometheus has no series of the River at all, and never did",
    "RiverWatchdog": "always fires, also for a River that is gone for good, where it is checked",
}
