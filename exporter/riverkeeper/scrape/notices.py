"""Sentences for people: what a scrape leaves out, why, and what to do about it. Pure."""

from __future__ import annotations

from collections import Counter

from riverkeeper.evidence.lives import WatchState
from riverkeeper.formats import count_noun
from riverkeeper.river.bounds import MAX_PARTITIONS
from riverkeeper.river.layout import Layout
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.scrape.scrape import RiverFacts

LAG_SECONDS = 5.0  # a standby that lags by less keeps up


def find_notices(
    layout: Layout,
    keeper: KeeperSchema,
    facts: RiverFacts,
    replay_lag: float | None,
    *,
    standby: bool,
    pods: WatchState | None = None,
) -> tuple[str, ...]:
    """The notices of one scrape, for the front page.

    `replay_lag`: seconds, None on a primary. `pods` None: nobody asked for them to be watched.
    """
    return (
        *_lag(replay_lag),
        *_ledger(keeper, standby),
        *_schemas(layout, keeper),
        *_fence(facts),
        *_pods(pods),
        *_heartbeats(facts),
        *_partitions(facts),
        *_sampled(facts),
    )


def _fence(facts: RiverFacts) -> list[str]:
    fence = facts.fence
    return [] if fence is None or fence.in_force else [f"{fence.message[0].upper()}{fence.message[1:]} ({fence.fix})."]


def _pods(pods: WatchState | None) -> list[str]:
    if pods is None or pods.up:
        return []
    return [f"Pods are not watched: {pods.error}. Verdicts rest on heartbeats alone."]


def _lag(replay_lag: float | None) -> list[str]:
    if replay_lag is None or replay_lag < LAG_SECONDS:
        return []
    return [
        f"This standby's data is {replay_lag:.0f} s old (river_replay_lag_seconds): ages are measured at that time."
    ]


def _ledger(keeper: KeeperSchema, standby: bool) -> list[str]:
    counted = "Finished jobs are counted, and limits learned, in memory"
    if standby:
        return [f"This is a standby: River's leader cannot be seen here. {counted}."]
    if not keeper.installed:
        schema = f'keeper schema "{keeper.name}" is not installed (riverkeeper schema install)'
        return [f"{counted}, from the start of this process: {schema}."]
    if not keeper.writable:
        return [f'{counted}: this login may not write keeper schema "{keeper.name}" (riverkeeper schema grants).']
    return []


def _schemas(layout: Layout, keeper: KeeperSchema) -> list[str]:
    found = []
    if keeper.heartbeat is None:
        command = "install" if not keeper.installed or keeper.outdated else "grants"
        found.append(
            f'Only metadata.health_check_at counts as a beat here: keeper schema "{keeper.name}" has no heartbeat '
            f"table that this login may read (riverkeeper schema {command})."
        )
    if keeper.outdated:
        found.append(
            f'Keeper schema "{keeper.name}" is older than this version of Riverkeeper: it has version {keeper.version} '
            "(riverkeeper schema install)."
        )
    found += [f"There is no table {table} here; its metrics are absent." for table in _missing(layout)]
    return found + [
        f"This login may not read {', '.join(columns)} of {table}: what needs them is absent "
        "(riverkeeper schema grants)."
        for table, columns in layout.unreadable().items()
    ]


def _missing(layout: Layout) -> list[str]:
    return [table for table in ("river_queue", "river_leader", "river_migration") if not layout.has(table)]


def _heartbeats(facts: RiverFacts) -> list[str]:
    running = facts.running
    if running is None:
        return []
    found = []
    if running.unreadable_beats:
        found.append(
            f"metadata.health_check_at of {count_noun(running.unreadable_beats, 'running job')} does not count: not "
            "RFC 3339 with a zone, older than the claim, or more than 5 minutes ahead."
        )
    if running.unread:
        found.append(f"The metadata of {count_noun(running.unread, 'running job')} has 64 kB or more, and is not read.")
    if running.poison:
        found.append(
            f"The metadata of {count_noun(running.poison, 'running job')} stops River's own rescuer for every job "
            "(river_rescuer_poison_jobs; riverkeeper check names them)."
        )
    return found


def _partitions(facts: RiverFacts) -> list[str]:
    per_state = Counter(part.state for part in facts.partitions or ())
    return [
        f"State {state} has more than {MAX_PARTITIONS} (queue, priority) pairs; the rest is not counted."
        for state, found in sorted(per_state.items())
        if found >= MAX_PARTITIONS
    ]


def _sampled(facts: RiverFacts) -> list[str]:
    long = sorted({part.state for part in facts.partitions or () if part.sampled})
    return [
        f"The statistics of river_job are missing or old: state {state} is estimated by a sample of the table's pages, "
        "good to about a third (ANALYZE river_job; autovacuum does it by itself unless it is off)."
        for state in long
    ]
