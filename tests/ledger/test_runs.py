"""DayRuns by day, and what they teach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fixtures.simulated_river import find_bucket
from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.counts import EDGES, NO_DURATION, CellKey, Series, Tally, fold
from riverkeeper.ledger.learned_limits import (
    KEEP_DAYS,
    NO_DAY_RUNS,
    DayRuns,
    collect_runs,
    day_number,
    decode_counts,
    encode_counts,
    first_day,
    learn_all,
)

NOW = 20_000 * 86_400 + 100.0  # just after midnight
TODAY = 20_000
ONE, MINUTE = find_bucket(1_000_000), find_bucket(60_000_000)


def series(kind: str = "email", label: str = "completed", measure: str = "run", queue: str = "default") -> Series:
    return Series(measure, queue, kind, label)


def test_only_completed_runs_of_named_kinds_are_remembered() -> None:
    """Of all queues together; not waits, not other outcomes, not what has no run time, not folded kinds."""
    tally = Tally({ONE: (3, 3_000_000), NO_DURATION: (2, 0)})
    read = [
        (CellKey(1, key), tally)
        for key in (series(), series(queue="bulk"), series(label="discarded"), series(kind=""),
                    series(measure="wait", kind="", label="1"))
    ]  # fmt: skip

    assert collect_runs(NOW, fold({}, read)) == DayRuns(TODAY, {"email": {ONE: 6}})
    assert collect_runs(NOW, fold({}, [])).by_kind == NO_DAY_RUNS.by_kind


def test_reading_a_slot_again_adds_only_what_is_new() -> None:
    """The ledger's fold returns what rose."""
    before = {CellKey(1, series()): Tally({ONE: (3, 3)})}
    again = [(CellKey(1, series()), Tally({ONE: (2, 2), MINUTE: (1, 1)}))]

    assert collect_runs(NOW, fold(before, again)).by_kind == {"email": {MINUTE: 1}}


@given(st.dictionaries(st.integers(0, len(EDGES)), st.integers(1, 10**12), min_size=1))
def test_counts_are_stored_by_position(counts: dict[int, int]) -> None:
    """And read back as they were."""
    assert decode_counts(encode_counts(counts)) == counts


def test_days_outside_the_window_teach_nothing() -> None:
    """Today and yesterday count once more by themselves; what is older than the window not at all."""
    learning = LearnedLimits(min_samples=10)
    days = [
        DayRuns(TODAY, {"email": {ONE: 8}}),
        DayRuns(TODAY - 1, {"email": {MINUTE: 8}}),
        DayRuns(TODAY - 5, {"email": {ONE: 10_000}, "rare": {ONE: 1}}),
        DayRuns(TODAY - 8, {"email": {MINUTE: 10_000}, "old": {ONE: 100}}),
    ]
    found = learn_all(learning, NOW, days, {}).limits

    assert {*found} == {"email", "rare"}
    assert (found["email"].samples, found["email"].window, found["email"].seconds > 50) == (10_016, 2 * 86_400, True)
    assert found["rare"].window == learning.window


def test_runs_that_were_ended_count_as_longer_than_all() -> None:
    """Also of a kind of which nothing completed at all: it has samples, and no limit below the ceiling."""
    censored = {TODAY: {"email": 5, "never": 200}, TODAY - 20: {"email": 1000}}
    found = learn_all(LearnedLimits(), NOW, [DayRuns(TODAY, {"email": {ONE: 200}})], censored).limits

    assert found["email"].censored == 5
    assert found["email"].samples == 205
    assert found["email"].seconds == float("inf")
    assert found["never"].samples == 200


def test_a_month_is_enough_for_every_window() -> None:
    """No window that may be configured reaches beyond what is kept."""
    assert first_day(LearnedLimits(window=30 * 86_400.0), NOW) > TODAY - KEEP_DAYS
    assert day_number(NOW) == TODAY


@given(
    st.lists(
        st.builds(
            DayRuns,
            st.integers(TODAY - 40, TODAY + 2),
            st.dictionaries(st.text(max_size=2), st.dictionaries(st.integers(-1, len(EDGES)), st.integers(0, 50))),
        ),
        max_size=5,
    ),
    st.dictionaries(
        st.integers(TODAY - 40, TODAY), st.dictionaries(st.text(max_size=2), st.integers(0, 9)), max_size=3
    ),
)
def test_any_past_is_read(runs: list[DayRuns], censored: dict[int, dict[str, int]]) -> None:
    """Whatever the table holds, also of days that have not come."""
    for limit in learn_all(LearnedLimits(), NOW, runs, censored).limits.values():
        assert limit.samples > 0
        assert limit.seconds > 0
