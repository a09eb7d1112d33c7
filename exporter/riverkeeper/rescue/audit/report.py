"""How often rescues are false: the sentence by which an operator decides to let the rescuer act. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

from riverkeeper.formats import count_noun

CONFIDENCE = 0.95
_STEPS = 40  # halvings: the bound is exact to a billionth


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """Claims of one tier (and kind, "" for all) that rescues took away, or would have in a dry run, by outcome."""

    tier: str
    kind: str
    dry_run: bool
    claims: int
    false_claims: int  # rescue.was_false of any of their rows (audit/outcome.py)
    right_claims: int
    open: int  # not known yet
    rated: int = 0  # known, and their follow-up time is over: the denominator of the false-rescue rate
    rated_false: int = 0

    @property
    def known(self) -> int:
        return self.false_claims + self.right_claims

    @property
    def unknown(self) -> int:
        """A client that does not beat leaves no trace of its previous worker."""
        return self.claims - self.known - self.open

    @property
    def rate(self) -> float | None:
        """The share of false claims among those whose follow-up time is over; None where there are none.

        A false rescue is known at once, a right one only then: over younger claims every rate would be too high.
        """
        return self.rated_false / self.rated if self.rated else None


def sum_by_tier(counts: Iterable[ClaimCounts]) -> tuple[ClaimCounts, ...]:
    """The same with the kinds of each tier added up."""
    sums: dict[tuple[str, bool], ClaimCounts] = {}
    for each in counts:
        key = each.tier, each.dry_run
        sums[key] = _add(sums.get(key, ClaimCounts(each.tier, "", each.dry_run, 0, 0, 0, 0, 0, 0)), each)
    return tuple(sums[key] for key in sorted(sums))


def describe_counts(counts: ClaimCounts) -> str:
    """What an operator needs to know before deciding on the mode of a tier."""
    were = "would have been" if counts.dry_run else "was" if counts.claims == 1 else "were"
    taken = f"{counts.tier}: {count_noun(counts.claims, 'claim')} {were} taken away"
    known = (
        f"{counts.known} known: {counts.right_claims} rightly (the worker never came back, or did not complete the "
        f"work), {counts.false_claims} wrongly (the worker was alive)"
    )
    unknown = f"{counts.unknown} cannot be known, because their clients do not beat"
    return f"{taken}. {known}. {unknown}. {counts.open} still open. {_rate_sentence(counts)}"


def _rate_sentence(counts: ClaimCounts) -> str:
    if counts.rate is None:
        after = "a day" if counts.dry_run else "ten minutes"
        return f"No rate yet: a false rescue is known at once, a right one only {after} after the rescue."
    below = f"the true rate is below {bound_false_rate(counts.rated_false, counts.rated):.1%} with 95 % confidence"
    found = f"{counts.rated_false} of the {counts.rated} whose observation time is over were false"
    return f"{found}: {counts.rate:.1%}; {below}."


def bound_false_rate(false_claims: int, known: int) -> float:
    """The rate that the true one stays below with CONFIDENCE, by Clopper and Pearson; 1 where nothing is known."""
    if false_claims >= known:
        return 1.0
    low, high = false_claims / known, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(false_claims, known, middle) > 1 - CONFIDENCE else (low, middle)
    return high


def _at_most(few: int, many: int, rate: float) -> float:
    """Probability of at most `few` events in `many` tries; in logarithms, since the factors of many tries overflow."""
    total = lgamma(many + 1)
    return sum(
        exp(total - lgamma(k + 1) - lgamma(many - k + 1) + k * log(rate) + (many - k) * log1p(-rate))
        for k in range(few + 1)
    )


def _add(counts: ClaimCounts, other: ClaimCounts) -> ClaimCounts:
    return ClaimCounts(
        counts.tier, counts.kind, counts.dry_run, counts.claims + other.claims,
        counts.false_claims + other.false_claims, counts.right_claims + other.right_claims, counts.open + other.open,
        counts.rated + other.rated, counts.rated_false + other.rated_false,
    )  # fmt: skip
