"""The checks of a chaos run: each finds what breaks it, and is content with what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from e2e.chaos.evidence import Evidence, Stretch, longest_gap
from e2e.chaos.faults import OF_A_PROCESS, Kind, draw_faults
from e2e.chaos.invariants import check
from e2e.chaos.record import (
    FOREVER,
    Change,
    Effect,
    Entry,
    Final,
    LateResult,
    Limits,
    Process,
    Record,
    Rescue,
    Trouble,
    load,
)
from e2e.chaos.report import text
from e2e.chaos.workload import draw_jobs
from fixtures.offenders import for_each

FIRST, SECOND = "2026-01-01T00:00:10.000000Z", "2026-01-01T00:00:40.000000Z"
STALL = Trouble(Kind.STALL, "w1", 12.0, 45.0)


def pulses(*gaps: tuple[float, float]) -> list[float]:
    """Four a second for two minutes, but not within the gaps."""
    moments = [tick / 4 for tick in range(480)]
    return [at for at in moments if not any(begin < at < end for begin, end in gaps)]


def entry(at: float, client: str, event: str, claim: str, outcome: str = "", queue: str = "free") -> Entry:
    return Entry(at, client, event, 1, claim, 1, queue, 0.0, outcome)


def update(at: float, application: str, before: str, after: str, claim_before: str, claim_after: str) -> Change:
    return Change(at, application, "UPDATE", 1, before, after, claim_before, claim_after)


def report(claims: int, false: int) -> dict[str, object]:
    return {"tiers": [{"claims": claims, "false": false, "dry_run": False}]}


COUNTERS = {"riverkeeper_rescues_total of k1-1": 1.0, "riverkeeper_late_results_total of k1-1": 1.0}
# A job whose first worker was cut off from 12 to 45 while it worked from 10 to 13, and whose second attempt was right.
RECORD = Record(
    seed=1, seconds=60.0, fenced=True, limits=Limits(2.0, 7.0, 5.0, 2.0, 3.0), end=100.0, troubles=[STALL],
    processes=[Process("w1-1", 0.0, FOREVER), Process("w2-1", 0.0, FOREVER)],
    entries=[
        entry(10.0, "w1-1", "begin", FIRST), entry(13.0, "w1-1", "end", FIRST, "completed"),
        entry(40.0, "w2-1", "begin", SECOND), entry(50.0, "w2-1", "end", SECOND, "completed"),
    ],
    pulses={"": pulses(), "w1-1": pulses(), "w2-1": pulses()},
    changes=[
        Change(9.0, "chaos", "INSERT", 1, "", "available", "", ""),
        update(10.0, "w1-1", "available", "running", "", FIRST),
        update(20.0, "riverkeeper", "running", "available", FIRST, FIRST),
        update(40.0, "w2-1", "available", "running", FIRST, SECOND),
        update(50.2, "w2-1", "running", "completed", SECOND, SECOND),
    ],
    rescues=[Rescue(20.0, 1, FIRST, "worker_lost", "retry", "finished", True, "replica")],
    late_results=[LateResult(45.1, 1, FIRST, "completed")],
    effects=[], finals=[Final(1, "completed", SECOND, "{}")],
    counters=COUNTERS, report=report(1, 1),
)  # fmt: skip


def broken(record: Record) -> set[str]:
    return {violation.invariant for violation in check(record).violations}


def test_a_rescue_of_who_was_cut_off_breaks_nothing() -> None:
    """The late result was dropped, the second attempt's written: no promise is broken, and the table shows it."""
    assert broken(RECORD) == set()
    assert text(RECORD, check(RECORD)).splitlines()[2] == "| 1 | 60 | yes | 1 | 1 | 1 | 1 | 0 | 0 | 0 | 0 |"


def test_a_job_that_does_not_end_is_lost() -> None:
    """A job must be final at the end, and be there."""
    assert broken(replace(RECORD, finals=[Final(1, "running", SECOND, "{}")])) == {"nothing lost"}
    assert broken(replace(RECORD, finals=[])) == {"nothing lost"}


LATE = update(45.1, "w1-1", "running", "completed", SECOND, SECOND)


@pytest.mark.parametrize(
    "change",
    [
        LATE,  # by another worker than the claim's
        replace(LATE, application="w2-1"),  # by that worker, whose work went on: its earlier attempt ended late
        replace(LATE, application="w2-1", at=50.2, after="available"),  # another end than the work had
        replace(LATE, claim_before="2026-01-01T00:00:41.000000Z"),  # of a claim that nobody worked
    ],
)
def test_a_result_of_another_attempt_is_late(change: Change) -> None:
    """Who ends a claim is who worked it, after its work, as it ended."""
    changes = [*RECORD.changes[:4], change]

    assert broken(replace(RECORD, changes=changes)) == {"no late result"}


def test_a_job_may_complete_itself_before_its_work_returns() -> None:
    """Its own transaction completes it: the row ends before the work does."""
    entries = [*RECORD.entries, entry(48.0, "w2-1", "completing", SECOND)]
    changes = [*RECORD.changes[:4], replace(RECORD.changes[4], at=48.1)]

    assert broken(replace(RECORD, entries=entries, changes=changes)) == set()


AT_WORK = [entry(10.0, "w1-1", "begin", FIRST), entry(21.0, "w1-1", "end", FIRST, "completed"), *RECORD.entries[2:]]


def test_a_rescue_of_a_healthy_worker_s_job_is_found() -> None:
    """Neither cut off, frozen nor dead while the job was at work: the rescue was false."""
    late = [replace(RECORD.late_results[0], at=21.1)]
    healthy = replace(RECORD, troubles=[], entries=AT_WORK, late_results=late)

    assert broken(healthy) == {"no rescue of a healthy worker's job"}
    assert broken(replace(healthy, troubles=[STALL])) == set()


def test_a_starved_machine_excuses_a_rescue_and_is_counted() -> None:
    """A process that wrote no pulse could not beat either; the table shows that."""
    late = [replace(RECORD.late_results[0], at=21.1)]
    starving = replace(RECORD, troubles=[], entries=AT_WORK, late_results=late)

    for client in ("w1-1", ""):  # its own pulses, or those of the network and the server
        findings = check(replace(starving, pulses={**RECORD.pulses, client: pulses((14.0, 19.5))}))
        assert (findings.violations, findings.starved) == ([], 1)


def test_a_short_fault_does_not_excuse_a_rescue() -> None:
    """Two and a half intervals without a fault must have seen a beat."""
    evidence = Evidence(replace(RECORD, troubles=[Trouble(Kind.STALL, "w1", 13.0, 14.0)]))

    assert evidence.healthy("w1-1", 20.0, starving_excuses=True)
    assert not evidence.healthy("w1-1", 16.0, starving_excuses=True)


def overlapping(queue: str, end: float) -> list[Entry]:
    entries = [*RECORD.entries[2:], entry(10.0, "w1-1", "begin", FIRST), entry(end, "w1-1", "end", FIRST, "completed")]
    return [replace(entry, queue=queue) for entry in entries]


def test_an_overlap_needs_a_fault() -> None:
    """Two attempts at once: only where the earlier one's process was frozen or cut off."""
    late = [replace(RECORD.late_results[0], at=46.0)]
    record = replace(RECORD, entries=overlapping("free", 45.5), late_results=late)

    assert broken(record) == set()
    assert len(check(record).overlaps) == 1
    assert "overlaps" in broken(replace(record, troubles=[]))


def test_a_leased_job_overlaps_only_where_its_process_was_frozen() -> None:
    """A cut-off worker stops before the next attempt begins; a frozen one within lease + drain of its thaw."""
    late = [replace(RECORD.late_results[0], at=60.0)]
    record = replace(RECORD, entries=overlapping("leased", 45.5), late_results=late)
    frozen = replace(record, troubles=[Trouble(Kind.FREEZE, "w1-1", 12.0, 45.0)])

    assert broken(record) == {"overlaps"}
    assert broken(frozen) == set()
    assert broken(replace(frozen, entries=overlapping("leased", 54.0))) == {"overlaps"}


@pytest.mark.parametrize(
    "effects",
    [
        [Effect(12.0, 1, FIRST, completes=False), Effect(12.5, 1, FIRST, completes=False)],  # two of one claim
        [Effect(12.0, 1, FIRST, completes=True), Effect(45.0, 1, SECOND, completes=True)],  # two that complete
        [Effect(46.0, 1, FIRST, completes=False)],  # of a claim that was over
    ],
)
def test_effects_happen_once(effects: list[Effect]) -> None:
    """One effect a claim, while it is held; one a job that completes itself with it."""
    assert broken(replace(RECORD, effects=effects)) == {"effects once"}


def test_the_audit_equals_the_log() -> None:
    """A rescue without its row, a row without its rescue, and a change of a job that was not running are found."""
    without = [change for change in RECORD.changes if change.application != "riverkeeper"]
    again = update(30.0, "riverkeeper", "available", "available", FIRST, FIRST)

    assert "audit equals log" in broken(replace(RECORD, rescues=[], report=report(0, 0)))
    assert "audit equals log" in broken(replace(RECORD, changes=without))
    assert broken(replace(RECORD, changes=[*RECORD.changes, again])) == {"audit equals log"}


def test_a_dropped_result_was_late() -> None:
    """What the fence drops belongs to a claim that is over, and to work that has ended."""
    held = [LateResult(45.1, 1, SECOND, "completed")]
    early = [replace(RECORD.late_results[0], at=12.5)]

    assert broken(replace(RECORD, late_results=held)) == {"late results equal log"}
    assert broken(replace(RECORD, late_results=early)) == {"late results equal log"}


def test_counters_and_report_equal_the_audit() -> None:
    """Neither counts more or less than the audit has."""
    for name, value in (("rescues", 2.0), ("late_results", 2.0), ("late_results", 0.0)):
        counters = {**COUNTERS, f"riverkeeper_{name}_total of k1-1": value}
        assert broken(replace(RECORD, counters=counters)) == {"counters equal audit"}
    assert broken(replace(RECORD, report=report(2, 1))) == {"report equals audit"}
    assert broken(replace(RECORD, report=report(1, 0))) == {"report equals audit"}


def test_completed_work_that_came_late_was_taken_falsely() -> None:
    """The fence's record proves that the worker lived; the audit must have taken it up."""
    missed = [replace(RECORD.rescues[0], was_false=False)]

    assert broken(replace(RECORD, rescues=missed, report=report(1, 0))) == {"false rescues equal log"}


def test_who_was_dead_is_called_alive_only_by_what_was_under_way() -> None:
    """A network that holds statements back delivers them when it is whole, whether their process lives or not."""
    dead = [Process("w1-1", 0.0, 14.0, "killed"), RECORD.processes[1]]
    cut_off = replace(RECORD, processes=dead)

    assert (broken(cut_off), check(cut_off).under_way) == (set(), 1)
    assert broken(replace(cut_off, troubles=[])) == {"false rescues equal log"}


def test_a_token_does_not_stay_in_a_row() -> None:
    """The trigger strips it, whatever the state."""
    stored = [Final(1, "completed", SECOND, f'{{"riverkeeper:claim": "{FIRST}"}}')]

    assert broken(replace(RECORD, finals=stored)) == {"no stored token"}


def test_a_process_that_ends_by_itself_is_found() -> None:
    """A crash of the client would look like a kill."""
    ended = [Process("w1-1", 0.0, 60.0, "by itself"), RECORD.processes[1]]

    assert broken(replace(RECORD, processes=ended)) == {"processes"}


def test_a_record_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """So that an earlier run can be checked once more."""
    RECORD.save(tmp_path / "record.json")

    assert load(tmp_path / "record.json") == RECORD


def test_a_violation_is_shown_with_the_job_s_timeline() -> None:
    """Who began, changed and ended it, and what was wrong meanwhile."""
    record = replace(RECORD, changes=[*RECORD.changes[:4], LATE])

    shown = text(record, check(record))

    assert "BROKEN: no late result: job 1 became completed: w1-1 ended claim" in shown
    assert "FAULT cut: stall of w1" in shown
    assert "END of cut: stall of w1" in shown


def test_gaps_between_stretches() -> None:
    """The longest time in which nothing was wrong, whatever overlaps."""
    stretches = [Stretch("freeze", 2.0, 3.0), Stretch("freeze", 1.0, 4.0), Stretch("freeze", 8.0, FOREVER)]

    assert longest_gap(stretches, 0.0, 10.0) == 4.0
    assert longest_gap([], 0.0, 10.0) == 10.0


@for_each("seed", range(20))
def test_the_same_seed_draws_the_same_run(seed: int) -> None:
    """Faults of one sort never meet on one target, and every sort of fault comes up."""
    drawn = [draw_faults(seed, 600.0, 2.5, ["w1", "w2", "w3"], ["k1", "k2"]) for _ in range(2)]
    busy: dict[tuple[str, bool], float] = {}
    for fault in drawn[0]:
        key = (fault.target, fault.kind in OF_A_PROCESS)
        assert fault.at >= busy.get(key, 0.0)
        busy[key] = fault.busy_until

    assert drawn[0] == drawn[1]
    assert draw_jobs(seed, 60.0, 4.0, 0.3) == draw_jobs(seed, 60.0, 4.0, 0.3)
    assert Kind.DIRECTED in {fault.kind for fault in drawn[0]}
