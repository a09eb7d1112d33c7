"""Which tier a job is in."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Assignment, Tier
from riverkeeper.verdict.tiers import matches, tier_of, wait_tier

NAMES = ("urgent", "standard", "patient", "bulk")
TIERS = {name: Tier(name) for name in NAMES}
any_text = st.text(st.sampled_from("ab*?[]!-\n.\\"), max_size=8)


def test_a_job_without_a_rule_is_standard() -> None:
    """River's default priority is its highest, so it means nothing; only lower ones mean that there is time."""
    by_priority = [tier_of(Policy(TIERS), "default", "email", priority).name for priority in (0, 1, 2, 3, 4, 5)]

    assert by_priority == ["standard", "standard", "standard", "patient", "bulk", "standard"]


def test_the_first_rule_that_matches_wins() -> None:
    """Rules are tried in order; what none matches goes by priority."""
    rules = (
        Assignment("bulk", kind="report_*", queue="bulk"),
        Assignment("urgent", kind="report_daily"),
        Assignment("patient", priority=2),
    )
    policy = Policy(TIERS, rules)

    assert tier_of(policy, "bulk", "report_daily", 2).name == "bulk"
    assert tier_of(policy, "default", "report_daily", 2).name == "urgent"
    assert tier_of(policy, "default", "email", 2).name == "patient"
    assert tier_of(policy, "default", "email", 4).name == "bulk"


def test_waiting_is_of_a_queue_and_not_of_a_kind() -> None:
    """Rules that name a kind say nothing about how long a queue's jobs may wait."""
    policy = Policy(TIERS, (Assignment("bulk", kind="*"), Assignment("urgent", queue="pay*")))

    assert wait_tier(policy, "payments", 1).name == "urgent"
    assert wait_tier(policy, "default", 3).name == "patient"


def test_globs_know_a_star_and_a_question_mark_and_nothing_else() -> None:
    """Brackets, dots, case and line breaks are themselves."""
    cases = [
        ("a*", "abc", True), ("a*", "A", False), ("a?c", "abc", True), ("a?c", "ac", False), ("[ab]", "a", False),
        ("[ab]", "[ab]", True), ("a.c", "abc", False), ("*", "a\nb", True), ("", "", True), ("*x", "xxy", False),
    ]  # fmt: skip
    for glob, kind, expected in cases:
        assert matches(Assignment("t", kind=glob), "q", kind, 1) is expected, (glob, kind)


@given(any_text, any_text)
def test_a_glob_matches_as_a_slow_reading_of_it(glob: str, text: str) -> None:
    """The quick way equals the definition, character by character."""
    assert matches(Assignment("t", kind=glob), "q", text, 1) is _slowly(glob, text)


def test_no_glob_is_slow() -> None:
    """Many stars over a long name are no way to keep a processor busy."""
    rule = Assignment("t", kind="*a" * 60 + "b")
    began = time.process_time()
    matches(rule, "q", "a" * 128, 1)

    assert time.process_time() - began < 10  # backtracking would take longer than anybody waits


@given(st.text(max_size=5), st.text(max_size=5), st.integers())
def test_every_job_has_a_tier(queue: str, kind: str, priority: int) -> None:
    """Whatever the policy lacks: a rule's tier that is gone, or standard itself."""
    for policy in (Policy({}), Policy(TIERS, (Assignment("gone"),))):
        assert tier_of(policy, queue, kind, priority).name == "standard"
        assert wait_tier(policy, queue, priority).name == "standard"


def _slowly(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return any(_slowly(glob[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and glob[0] in ("?", text[0]) and _slowly(glob[1:], text[1:])
