"""What a reading leaves out, said in sentences; and which pairs it saw. Pure."""

from __future__ import annotations

from collections import Counter

from riverkeeper.ledger.names import Pair
from riverkeeper.river.bounds import MAX_PARTITIONS
from riverkeeper.river.layout import Layout
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.scrape.scrape import Snapshot

OLD_SECONDS = 5.0  # a standby that lags by less is one that keeps up


def live_pairs(snapshot: Snapshot) -> Counter[Pair]:
    """(queue, kind) -> live jobs seen, in a long queue those of the part that was looked at."""
    pairs: Counter[Pair] = Counter()
    for kind in snapshot.waiting_kinds or ():
        pairs[kind.queue, kind.kind] += kind.jobs
    for pair in snapshot.running.pairs if snapshot.running else ():
        pairs[pair.queue, pair.kind] += pair.jobs
    return pairs


def notes(layout: Layout, keeper: KeeperSchema, snapshot: Snapshot, *, standby: bool) -> tuple[str, ...]:
    """Sentences for the front page and `check`: what is not shown here, why, and what to do about it."""
    return tuple(
        note
        for note in (
            *_lag(snapshot),
            *_place(layout, keeper, standby),
            *_fence(snapshot),
            *_beats(snapshot),
            *_partitions(snapshot),
            *_sampled(snapshot),
        )
        if note
    )


def _fence(snapshot: Snapshot) -> list[str]:
    fence = snapshot.fence
    return [] if fence is None or fence.in_force else [f"{fence.message[0].upper()}{fence.message[1:]} ({fence.fix})."]


def _lag(snapshot: Snapshot) -> list[str]:
    if snapshot.replay_lag is None or snapshot.replay_lag < OLD_SECONDS:
        return []
    old = f"{snapshot.replay_lag:.0f}"
    return [f"This standby's data is {old} s old (river_replay_lag_seconds): ages are of that time."]


def _place(layout: Layout, keeper: KeeperSchema, standby: bool) -> list[str]:
    found = []
    if standby:
        found.append(
            "This is a standby: River's leader cannot be seen here; finished jobs are counted, and limits learnt, in "
            "memory."
        )
    elif not keeper.installed:
        found.append(
            "Finished jobs are counted, and limits learnt, in memory, from the start of this process: keeper schema "
            f'"{keeper.name}" is not installed (riverkeeper schema install).'
        )
    elif not keeper.writable:
        found.append(
            "Finished jobs are counted, and limits learnt, in memory: this login may not write keeper schema "
            f'"{keeper.name}" (riverkeeper schema grants).'
        )
    if keeper.heartbeat is None:
        cure = "install" if not keeper.installed or keeper.outdated else "grants"
        found.append(
            f'Only metadata.health_check_at counts as a beat here: keeper schema "{keeper.name}" has no heartbeat '
            f"table that this login may read (riverkeeper schema {cure})."
        )
    if keeper.outdated:
        found.append(
            f'Keeper schema "{keeper.name}" is older than this keeper: version {keeper.version} '
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


def _beats(snapshot: Snapshot) -> list[str]:
    running = snapshot.running
    if running is None:
        return []
    found = []
    if running.unreadable_beats:
        found.append(
            f"{running.unreadable_beats} running jobs have a metadata.health_check_at that does not count: not RFC "
            "3339 with a zone, older than the claim, or more than 5 minutes ahead."
        )
    if running.unread:
        found.append(f"{running.unread} running jobs have metadata of 64 kB or more, which is not looked into.")
    if running.poison:
        found.append(
            f"{running.poison} running jobs have metadata that stops River's own rescuer for every job "
            "(river_rescuer_poison_jobs; riverkeeper check names them)."
        )
    return found


def _partitions(snapshot: Snapshot) -> list[str]:
    per_state = Counter(part.state for part in snapshot.partitions or ())
    return [
        f"State {state} has more than {MAX_PARTITIONS} (queue, priority) pairs; the rest is not counted."
        for state, found in sorted(per_state.items())
        if found >= MAX_PARTITIONS
    ]


def _sampled(snapshot: Snapshot) -> list[str]:
    long = sorted({part.state for part in snapshot.partitions or () if part.sampled})
    return [
        f"The statistics of river_job are missing or old: state {state} is estimated by a sample of the table's pages, "
        "good to about a third (ANALYZE river_job; autovacuum does it by itself unless it is off)."
        for state in long
    ]
