"""Every alert in the same situations: what happens to its series, and what the alert must do then. Pure.

Each rule has a River of its own, all in one Prometheus, so each of them also shows that Rivers are kept apart. A River
is calm until minute BEGIN; then what the alert watches for begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

BEGIN = 70  # minutes: longer than the hour over which counters are read
Reading = Callable[[int], float | None]  # what a scrape finds in a minute; None: no sample
Checks = list[tuple[int, bool]]  # minute, and whether the alert fires
PAUSED = range(40, 160)  # two hours without what is paused


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


@dataclass(frozen=True)
class Fact:
    """A series of Riverkeeper without its target's labels: its values while all is well, and in trouble."""

    name: str
    labels: str
    calm: Reading
    bad: Reading | None = None  # None: as calm

    @property
    def of_a_name(self) -> bool:
        return "queue=" in self.labels


@dataclass(frozen=True)
class Trouble:
    """A rule, what makes it fire, and how long it may take."""

    rule: str  # its key: alert, and cause or burn
    facts: tuple[Fact, ...]
    after: int  # minutes from the beginning of the trouble to the alert, at most
    resolves: int = 12  # minutes from its end to the end of the alert, at most
    remembers: bool = False  # fires on when the River's series are gone

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
    Fact("river_job_oldest_ready_timestamp_seconds", f'{QUEUE}, priority="1"', lambda minute: None, still),
)
LEADER = Fact("river_leader_expires_timestamp_seconds", "", lambda minute: clock(minute) + 15)
OVERDUE = Fact("river_jobs_overdue", f'{QUEUE}, state="scheduled"', always(0), always(5))
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


def _gauge(name: str, labels: str, calm: float, bad: float) -> tuple[Fact, ...]:
    return (Fact(name, labels, always(calm), always(bad)),)


KEPT = 20  # minutes: keep_firing_for, and the bridge over failed scrapes
HOUR = 75  # minutes: the hour that is looked at has passed
CASES = (
    Trouble("RiverNotWatched database_unreadable", _gauge("river_up", "", 1, 0), 3),
    Trouble("RiverNoWorkers", _gauge("river_beating_clients", "", 5, 0), 5, KEPT),
    Trouble(
        "RiverQueueNotMoving nothing_claimed",
        (*WAITS, Fact("river_queue_last_claim_timestamp_seconds", QUEUE, clock, still)),
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
            *_gauge("river_jobs_stuck", f'{TIERED}, reason="worker_lost"', 0, 3),
            Fact("river_job_oldest_stuck_timestamp_seconds", TIERED, lambda minute: None, still),
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
        _gauge("riverkeeper_rescued_claims", 'tier="standard", mode="live", outcome="false"', 0, 2),
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
)
# Their trouble is a situation itself, or lasts for hours: scenarios of alerts/tests show them.
ELSEWHERE = {
    "RiverNotWatched exporter_down": "every River that is gone for good",
    "RiverNotWatched never_scraped": "it fires where there is no River at all",
    "RiverWatchdog": "always fires",
    "RiverkeeperScrapesIncomplete restarting": "crash loop",
    "RiverkeeperScrapesIncomplete gaps": "crash loop",
    "RiverkeeperTargetsMixed several_rivers": "differs in the labels of targets",
    "RiverkeeperTargetsMixed replica_labels": "differs in the labels of targets",
    "RiverCleanerBehind": "days",
    "RiverWorkersLostOften": "compares two hours",
    "RiverUnknownKindDiscarded": "one event",
}


@dataclass(frozen=True)
class Situation:
    """What happens to the series: which replica reports which facts when, and what the alert must do."""

    name: str
    sample: Callable[[Trouble, Fact, str, int], float | None]  # of a replica (a, b) in a minute
    checks: Callable[[Trouble], Checks]
    until: int = 40  # minutes after the alert fires


def bad_or_calm(fact: Fact, minute: int, *, bad: bool) -> float | None:
    return (fact.bad or fact.calm)(minute) if bad else fact.calm(minute)


def reported(
    by: Callable[[Trouble, str, int], bool], end: int = 10_000
) -> Callable[[Trouble, Fact, str, int], float | None]:
    """Samples of the replicas that report in a minute; the trouble ends `end` minutes after the alert."""

    def sample(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
        if not by(case, replica, minute):
            return None
        return bad_or_calm(fact, minute, bad=BEGIN <= minute <= case.fires + end)

    return sample


def kept(case: Trouble, first: int, last: int, step: int = 1) -> Checks:
    return [(case.fires + minute, True) for minute in range(first, last, step)]


def _gap(case: Trouble, replica: str, minute: int) -> bool:
    """Four minutes without a scrape, once before the alert would fire and once while it fires."""
    gaps = (range(case.fires - 3, case.fires + 1), range(case.fires + 20, case.fires + 24))
    return replica == "a" and not any(minute in gap for gap in gaps)


def _never(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return fact.calm(minute) if replica == "a" and fact in HEALTHY else None


def _paused(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return None if replica == "b" or minute in PAUSED else fact.calm(minute)


def _evicted(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return None if replica == "b" or (fact.of_a_name and minute in PAUSED) else fact.calm(minute)


def _outvoted(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    """Replica a sees the trouble and is gone a minute later; b never sees it."""
    if replica == "b":
        return fact.calm(minute)
    return bad_or_calm(fact, minute, bad=minute >= BEGIN) if minute <= BEGIN + 1 else None


SITUATIONS = (
    Situation(
        "lasts",
        reported(lambda case, replica, minute: replica == "a"),
        lambda case: [(BEGIN - 1, False), *kept(case, 1, 40, 13)],
    ),
    Situation("gap of four minutes", reported(_gap), lambda case: kept(case, 6, 30)),
    Situation(
        "crash loop every eight minutes",
        reported(lambda case, replica, minute: replica == "a" and (minute < BEGIN or minute % 8 < 6)),
        lambda case: kept(case, 12, 40),
    ),
    Situation(
        "replicas take turns",
        reported(lambda case, replica, minute: replica == "ab"[minute // 10 % 2]),
        lambda case: kept(case, 6, 40, 3),
    ),
    Situation(
        "pod moved",
        reported(lambda case, replica, minute: replica == ("a" if minute <= case.fires + 10 else "b")),
        lambda case: kept(case, 8, 30),
    ),
    Situation(
        "gone for good",
        reported(lambda case, replica, minute: replica == "a" and minute <= case.fires + 10),
        lambda case: [*kept(case, 8, 18), (case.fires + 25 + case.resolves, case.remembers)],
        until=105,
    ),
    Situation("never there", _never, lambda case: [(60, False), (case.fires + 10, False)]),
    Situation(
        "ends",
        reported(lambda case, replica, minute: replica == "a", end=10),
        lambda case: [(case.fires + 9, True), (case.fires + 11 + case.resolves, False)],
        until=90,
    ),
    Situation(
        "two hours without scrapes, and all is well", _paused, lambda case: [(PAUSED.stop + 12, False)], until=100
    ),
    Situation("name evicted and back", _evicted, lambda case: [(m, False) for m in range(150, 176, 5)], until=100),
    Situation("last word of a replica", _outvoted, lambda case: [(case.fires + m, False) for m in (2, 6, 12)]),
)


def job(case: Trouble) -> str:
    """The River of a rule."""
    return case.rule.replace(" ", "-")


def series(situation: Situation) -> Iterator[tuple[str, str]]:
    """Every River's series, as promtool's input has them."""
    for case in CASES:
        for fact in _facts(case):
            for replica in "ab":
                last = max(case.fires + situation.until, PAUSED.stop + 20)
                values = [situation.sample(case, fact, replica, minute) for minute in range(last + 1)]
                if any(value is not None for value in values):
                    labels = ", ".join(filter(None, (f'job="{job(case)}", instance="{replica}:9816"', fact.labels)))
                    yield f"{fact.name}{{{labels}}}", " ".join(_tokens(values))


def _facts(case: Trouble) -> tuple[Fact, ...]:
    own = {(fact.name, fact.labels) for fact in case.facts}
    return (*(fact for fact in HEALTHY if (fact.name, fact.labels) not in own), *case.facts)


def _tokens(values: list[float | None]) -> Iterator[str]:
    """A scrape that failed, or a target that is gone, makes a series stale."""
    before: float | None = None
    for value in values:
        yield f"{value:g}" if value is not None else "stale" if before is not None else "_"
        before = value
