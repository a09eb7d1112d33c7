"""How the rescuer stands, for the front page: what is stuck, how far it goes, what holds it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from riverkeeper.rescue.state import Rescuing
from riverkeeper.snapshot import Snapshot
from riverkeeper.verdict.judged import Judged
from riverkeeper.verdict.words import Mode
from riverkeeper.web.words import count, moment, span

Fact = tuple[str, str, str | None]  # a word, a value, and the page that says more


def standing(snapshot: Snapshot) -> list[Fact]:
    """What is known; nothing where nothing was judged and no rescuer is seen."""
    facts: list[Fact] = []
    if snapshot.judged is not None:
        facts.append(_stuck(snapshot.judged))
    if snapshot.rescuing is not None:
        facts += _rescuing(snapshot.rescuing, snapshot.now)
    return facts


def _stuck(judged: Judged) -> Fact:
    reasons: dict[str, int] = defaultdict(int)
    for (_, _, _, reason), jobs in judged.counts.items():
        reasons[reason] += jobs
    told = ", ".join(f"{count(jobs)} {reason}" for reason, jobs in sorted(reasons.items()) if jobs)
    return "Stuck jobs", told or "none", "stuck"


def _rescuing(state: Rescuing, now: float | None) -> Iterator[Fact]:
    for mode in Mode:
        tiers = ", ".join(tier for tier, one in state.modes.items() if one is mode)
        if tiers:
            yield f"Mode {mode.value}", f"tiers {tiers}", None
    if not state.brakes:
        yield "Brakes", "none engaged", None
    for brake, sentence in state.brakes.items():
        yield f"Brake {brake.value}", sentence, None
    if state.wakes_open is not None:
        yield "Wakes open", count(state.wakes_open), None
    if state.last_rescue_at is not None:
        ago = "" if now is None else f", {span(now - state.last_rescue_at)} ago"
        yield "Last rescue", f"{moment(state.last_rescue_at)}{ago}", "rescues"
    if state.actor:
        yield "Who acts", state.actor, None
