"""What the front page begins with: is anything stuck, who acts, and what needs an operator. Pure.

The reader was just woken up. An answer is a sentence, never a word that has to be looked up; what is not known is
never an all-clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Mode, Tier
from riverkeeper.formats import count, count_noun
from riverkeeper.rescue.decision import decide
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import Reason
from riverkeeper.web.pages.status import explain_unseen, explain_unverified

# These end by themselves within minutes; the others wait for an operator, or show that something is badly wrong.
PASSING_BRAKES = frozenset({Brake.RATE, Brake.GRACE, Brake.STALE_SNAPSHOT})

# Refusals that no later pass takes back.
LEFT = {
    Refusal.EXHAUSTED: "no attempt is left",
    Refusal.CANCEL_UNKNOWN: "a cancel was requested, perhaps of an earlier attempt",
    Refusal.HOLD_BY_POLICY: "its tier holds it",
}


class AnswerLevel(StrEnum):
    """The colour of the answer, a class of the style sheet."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence, and the page with the details."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The first screen of the front page."""

    level: AnswerLevel
    headline: str
    stuck: Answer
    acts: Answer
    needs: tuple[Answer, ...]  # empty: nothing needs an operator


def answer(snapshot: Snapshot, policy: Policy) -> Answers:
    """The three answers, and the headline that sums them up."""
    needs = tuple(_needs(snapshot, policy))
    level, headline = _sum_up(snapshot)
    return Answers(level, headline, _stuck(snapshot), _acts(snapshot), needs)


def count_stuck(snapshot: Snapshot) -> int:
    """How many running jobs are proven stuck."""
    return sum(snapshot.verdicts.counts.values()) if snapshot.verdicts else 0


def count_suspected(snapshot: Snapshot) -> int:
    """How many of the judged running jobs may be stuck."""
    return sum(snapshot.verdicts.suspected_counts.values()) if snapshot.verdicts else 0


def engaged_brakes(snapshot: Snapshot) -> list[str]:
    """The brakes that pause rescues and why, where any tier is live: a dry run has nothing to pause."""
    state = snapshot.rescuing
    if state is None or Mode.LIVE not in state.modes.values():
        return []
    return [f"{brake.value}, {sentence}" for brake, sentence in state.brakes.items()]


def _sum_up(snapshot: Snapshot) -> tuple[AnswerLevel, str]:
    if not snapshot.up:
        return AnswerLevel.BAD, "The database cannot be read"
    if trouble := _trouble(snapshot):
        return AnswerLevel.FAIR, trouble
    return AnswerLevel.GOOD, "No running job is known to be stuck" if explain_unseen(
        snapshot
    ) else "No running job is stuck"


def _trouble(snapshot: Snapshot) -> str | None:
    """The worst that is true, in a headline."""
    stuck, suspected = count_stuck(snapshot), count_suspected(snapshot)
    failed = [query for query in snapshot.queries if query.error]
    candidates = (
        (stuck or suspected, _count_in_words(stuck, suspected)),
        (failed, f"{len(failed)} of {len(snapshot.queries)} database queries failed"),
        (snapshot.verdicts is None, "Running jobs were not judged"),
        (explain_unverified(snapshot), "Missed heartbeats do not count now"),
        (engaged_brakes(snapshot), "All rescues are paused"),
    )
    return next((headline for is_true, headline in candidates if is_true), None)


def _count_in_words(stuck: int, suspected: int) -> str:
    if not stuck:
        return f"{count(suspected)} running {'job' if suspected == 1 else 'jobs'} may be stuck"
    known = f"{count(stuck)} running {'job is' if stuck == 1 else 'jobs are'} stuck"
    return f"{known}, {count(suspected)} may be stuck" if suspected else known


def _stuck(snapshot: Snapshot) -> Answer:
    if not snapshot.up or snapshot.verdicts is None:
        return Answer("Unknown: running jobs could not be judged in the last scrape.")
    stuck, suspected = count_stuck(snapshot), count_suspected(snapshot)
    if stuck or suspected:
        reasons = Counter[str]()
        for (_, _, _, reason), jobs in (*snapshot.verdicts.counts.items(), *snapshot.verdicts.suspected_counts.items()):
            reasons[reason] += jobs
        by_reason = ", ".join(f"{count(jobs)} {reason}" for reason, jobs in reasons.most_common() if jobs)
        return Answer(
            f"Yes: {by_reason}." if stuck else f"Perhaps: {by_reason}.", "stuck" if stuck else "stuck#suspected"
        )
    if why := explain_unverified(snapshot):
        return Answer(f"None is proven, but missed heartbeats do not count now: {why}.", "stuck")
    if why := explain_unseen(snapshot):
        return Answer(f"None is known. {why}.", "running")
    return Answer("No.", "stuck")


def _acts(snapshot: Snapshot) -> Answer:
    state = snapshot.rescuing
    if not snapshot.up:
        return Answer("Nobody: without the database no job can be rescued.")
    if state is None:
        return Answer(
            "Nobody here: this Riverkeeper only watches. River's own rescuer acts when its time limit is over."
        )
    live = _tiers(state, Mode.LIVE)
    if not live:
        return Answer("Nobody: this is a dry run. Riverkeeper only records what it would do.", "rescues")
    if state.brakes:
        return Answer(f"Nobody now. All rescues are paused: {'; '.join(engaged_brakes(snapshot))}.", "rescues")
    rest = ", ".join(tier for tier in state.modes if state.modes[tier] is not Mode.LIVE)
    only = f" Of {rest} it only records what it would do." if rest else ""
    if state.active_replica is None:
        return Answer(f"Nobody yet: no replica of Riverkeeper leads. It would act on tiers {live}.{only}", "rescues")
    return Answer(f"Riverkeeper, on tiers {live}.{only}", "rescues")


def _tiers(state: RescueStatus, mode: Mode) -> str:
    return ", ".join(tier for tier, of_tier in state.modes.items() if of_tier is mode)


def _needs(snapshot: Snapshot, policy: Policy) -> Iterator[Answer]:
    if not snapshot.up:
        yield Answer("Make the database readable. Until then nothing here is known, and no job is rescued.")
        return
    yield from _needs_of_stuck(snapshot, policy)
    failed = sum(query.error is not None for query in snapshot.queries)
    if failed:
        yield Answer(
            f"{count_noun(failed, 'database query').replace('querys', 'queries')} failed: see why.", "#queries"
        )
    if suspected := count_suspected(snapshot):
        yield Answer(
            f"Look at what may be stuck: evidence is missing for {count_noun(suspected, 'job')}.", "stuck#suspected"
        )
    elif explain_unverified(snapshot) and not count_stuck(snapshot):
        yield Answer("Find out why heartbeats do not arrive.", "stuck")
    state = snapshot.rescuing
    for brake in state.brakes if state and engaged_brakes(snapshot) else ():
        if brake is Brake.KILL_SWITCH:
            yield Answer(
                "An operator paused all rescues: resume them when the reason is gone (riverkeeper rescue resume)."
            )
        elif brake not in PASSING_BRAKES:
            yield Answer(f"Find out why rescues are paused ({brake.value}) before you release the brake.")
    if snapshot.notices:
        yield Answer(f"Read {count_noun(len(snapshot.notices), 'notice')}.", "#notices")


def _find_left(snapshot: Snapshot, policy: Policy) -> Iterator[str]:
    """Why the rescuer leaves a job of a live tier to an operator, where its reason alone does not show that."""
    state, stuck = snapshot.rescuing, snapshot.verdicts.stuck if snapshot.verdicts else ()
    for each in stuck:
        tier = policy.tiers.get(each.verdict.tier) or Tier(each.verdict.tier)
        is_held = action_for(tier, each.verdict.reason) is Action.HOLD
        if is_held or state is None or state.modes.get(tier.name) is not Mode.LIVE:
            continue
        act = decide(each.job, each.verdict, tier, snapshot.now or 0.0, None)
        if isinstance(act, Skipped) and act.refusal in LEFT:
            yield LEFT[act.refusal]


def _needs_of_stuck(snapshot: Snapshot, policy: Policy) -> Iterator[Answer]:
    """Stuck jobs that policy leaves to an operator, and those that nobody acts on."""
    state, left = snapshot.rescuing, Counter[str]()
    nobody = 0
    for (_, _, tier, reason), jobs in (snapshot.verdicts.counts if snapshot.verdicts else {}).items():
        if action_for(policy.tiers.get(tier) or Tier(tier), Reason(reason)) is Action.HOLD:
            left[reason] += jobs
        elif state is None or state.modes.get(tier) is not Mode.LIVE:
            nobody += jobs
    for words, jobs in Counter(_find_left(snapshot, policy)).items():
        yield Answer(f"Decide about {count_noun(jobs, 'job')}: {words}.", "stuck")
    for reason, jobs in left.items():
        yield Answer(f"Decide about {count_noun(jobs, 'job')}: {reason}.", f"stuck?reason={reason}")
    if nobody:
        yield Answer(
            f"{count_noun(nobody, 'stuck job')} {'is' if nobody == 1 else 'are'} not rescued by anybody.", "stuck"
        )
