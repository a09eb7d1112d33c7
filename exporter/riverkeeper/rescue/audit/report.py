"""How often is the rescuer wrong? The sentence on which people decide to let it act. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

CONFIDENCE = 0.95
_STEPS = 40  # halvings: the bound is good to a billionth


@dataclass(frozen=True, slots=True)
class Tally:
    """Claims of one tier (and kind, "" for all) that were taken away, or in a dry run would have been."""

    tier: str
    kind: str
    dry_run: bool
    claims: int
    false_ones: int  # called lost, the worker was alive; or it completed the work that was called stuck
    right_ones: int
    open: int  # not known yet
    rated: int = 0  # known, and their time is over: the denominator of the false-rescue rate
    rated_false: int = 0

    @property
    def known(self) -> int:
        return self.false_ones + self.right_ones

    @property
    def unknown(self) -> int:
        """Of clients that do not beat, nobody can tell what became of them."""
        return self.claims - self.known - self.open

    @property
    def rate(self) -> float | None:
        """False ones among those whose time is over; None where there are none.

        A false rescue is known at once, a right one only then: over younger claims every rate would be too high.
        """
        return self.rated_false / self.rated if self.rated else None


def by_tier(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """The same with the kinds of each tier added up."""
    sums: dict[tuple[str, bool], Tally] = {}
    for one in tallies:
        key = one.tier, one.dry_run
        sums[key] = _added(sums.get(key, Tally(one.tier, "", one.dry_run, 0, 0, 0, 0, 0, 0)), one)
    return tuple(sums[key] for key in sorted(sums))


def sentence(tally: Tally) -> str:
    """What a person should know before deciding on the mode of a tier."""
    acted = "was" if tally.claims == 1 else "were"
    taken = f"{tally.tier}: {_count(tally.claims, 'claim')} {'would have been' if tally.dry_run else acted} taken away"
    known = (
        f"{tally.known} known: {tally.right_ones} rightly (the worker never came back, or did not complete the work), "
        f"{tally.false_ones} wrongly (it was alive)"
    )
    unknown = f"{tally.unknown} cannot be known, because their clients do not beat"
    return f"{taken}. {known}. {unknown}. {tally.open} still open. {_rate(tally)}"


def _rate(tally: Tally) -> str:
    if tally.rate is None:
        after = "a day" if tally.dry_run else "ten minutes"
        return f"No rate yet: a wrong one is known at once, a right one only {after} after the rescue."
    below = f"the true rate is below {bound(tally.rated_false, tally.rated):.1%} with 95 % confidence"
    return f"Of {tally.rated} whose time is over {tally.rated_false} were false, {tally.rate:.1%}; {below}."


def bound(false_ones: int, known: int) -> float:
    """The rate that the true one stays below with CONFIDENCE, by Clopper and Pearson; 1 where nothing is known."""
    if false_ones >= known:
        return 1.0
    low, high = false_ones / known, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(false_ones, known, middle) > 1 - CONFIDENCE else (low, middle)
    return high


def _at_most(few: int, many: int, rate: float) -> float:
    """Probability of at most `few` events in `many` tries; in logarithms, since the factors of many tries overflow."""
    total = lgamma(many + 1)
    return sum(
        exp(total - lgamma(k + 1) - lgamma(many - k + 1) + k * log(rate) + (many - k) * log1p(-rate))
        for k in range(few + 1)
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _added(one: Tally, other: Tally) -> Tally:
    return Tally(
        one.tier, one.kind, one.dry_run, one.claims + other.claims, one.false_ones + other.false_ones,
        one.right_ones + other.right_ones, one.open + other.open, one.rated + other.rated,
        one.rated_false + other.rated_false,
    )  # fmt: skip
