"""The state of the rescuer, for the front page: stuck jobs, modes, brakes, wakes, last rescue. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from riverkeeper.brakes.heartbeat_path import NOT_VERIFIED
from riverkeeper.config.tiers import Mode
from riverkeeper.formats import count, moment, span
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import VerdictSummary

FIRST_BEAT_SECONDS = (
    60.0  # a new claim beats with the next beat of its process, by default within 10 s, and a slow one too
)
_MODES = {
    Mode.LIVE: "Rescues stuck jobs of",
    Mode.DRY_RUN: "Only records what it would do for",
    Mode.DISABLED: "Does nothing for",
}
Fact = tuple[str, str, str | None]  # a name, a value, and the page with the details


def describe_status(snapshot: Snapshot) -> list[Fact]:
    """Empty where no job was judged and no rescuer is known."""
    facts: list[Fact] = [*describe_verdicts(snapshot)]
    if snapshot.rescuing is not None:
        facts += _rescuing(snapshot.rescuing, snapshot.now)
    return facts


def path_problem(snapshot: Snapshot) -> str:
    """Why the heartbeat path is not verified."""
    return (snapshot.rescuing and snapshot.rescuing.silence) or NOT_VERIFIED


def explain_unverified(snapshot: Snapshot) -> str | None:
    """Why the heartbeat path is not verified, where anything beats or a rescuer runs; else None."""
    judged, running = snapshot.verdicts, snapshot.running
    if judged is None or judged.path_ok_since is not None:
        return None
    beats = running is not None and any(pair.beating for pair in running.pairs)
    return path_problem(snapshot) if beats or snapshot.rescuing is not None else None


def explain_unseen(snapshot: Snapshot) -> str | None:
    """Which running jobs never beat, so that nobody knows whether their worker lives; None where all beat.

    A job that was just claimed beats with the next beat of its process.
    """
    if snapshot.running is None or snapshot.now is None:
        return None
    silent = [
        (snapshot.now - pair.oldest_unbeaten, pair.kind)
        for pair in snapshot.running.pairs
        if pair.oldest_unbeaten is not None and snapshot.now - pair.oldest_unbeaten > FIRST_BEAT_SECONDS
    ]
    if not silent:
        return None
    oldest, kinds = max(silent)[0], sorted({kind for _, kind in silent})
    named = kinds[0] if len(kinds) == 1 else f"{count(len(kinds))} kinds"
    return f"Jobs of {named} run and never beat, one for {span(oldest)}: nothing shows whether their workers live"


def describe_verdicts(snapshot: Snapshot) -> Iterator[Fact]:
    """Stuck and suspected jobs; empty where no job was judged."""
    if snapshot.verdicts is not None:
        unseen = explain_unseen(snapshot) is not None
        yield from _describe_judgements(snapshot.verdicts, explain_unverified(snapshot), unseen=unseen)


def _describe_judgements(verdicts: VerdictSummary, unverified: str | None, *, unseen: bool) -> Iterator[Fact]:
    """Never "none" while no job could be proven to be on a lost worker."""
    stuck, suspected = _by_reason(verdicts.counts), _by_reason(verdicts.suspected_counts)
    if unverified:
        yield "Heartbeat path", f"not verified, so missed heartbeats do not count: {unverified}", "stuck"
    yield "Stuck jobs", stuck or ("none is proven" if unverified or suspected or unseen else "none"), "stuck"
    if suspected:
        yield "Suspected jobs", suspected, "stuck#suspected"


def _by_reason(counts: Mapping[tuple[str, str, str, str], int]) -> str:
    reasons: dict[str, int] = defaultdict(int)
    for (_, _, _, reason), jobs in counts.items():
        reasons[reason] += jobs
    return ", ".join(f"{count(jobs)} {reason}" for reason, jobs in sorted(reasons.items()) if jobs)


def _rescuing(state: RescueStatus, now: float | None) -> Iterator[Fact]:
    for mode, words in _MODES.items():
        tiers = ", ".join(tier for tier, of_tier in state.modes.items() if of_tier is mode)
        if tiers:
            yield words, f"tiers {tiers} (mode {mode.value})", None
    if not state.brakes:
        yield "Brakes", "none engaged", None
    for brake, sentence in state.brakes.items():
        yield f"Brake {brake.value}", sentence, None
    if state.wakes_open is not None:
        yield "Open wakes", count(state.wakes_open), None
    if state.last_rescue_at is not None:
        ago = "" if now is None else f", {span(now - state.last_rescue_at)} ago"
        yield "Last rescue", f"{moment(state.last_rescue_at)}{ago}", "rescues"
    if state.active_replica:
        yield "Active replica", state.active_replica, None
