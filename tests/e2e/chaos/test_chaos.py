"""A minute of chaos with a fixed seed; hours of it are `make chaos ARGS="--seconds 3600 --seed 7"`."""

from __future__ import annotations

from pathlib import Path

from e2e.chaos.invariants import check
from e2e.chaos.plan import Plan, carry_out
from e2e.chaos.report import text

SEED = 16  # every sort of fault, among them six directed cuts that wait for the next attempt


def test_a_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    """Real workers killed, frozen and cut off: their jobs are rescued, their late results dropped, nothing else."""
    record = carry_out(Plan(SEED, seconds=60.0), tmp_path)
    findings = check(record)

    assert not findings.violations, text(record, findings)
    assert record.rescues, text(record, findings)
    assert record.late_results, text(record, findings)


def test_without_the_fence_late_results_are_found(tmp_path: Path) -> None:
    """The same faults without the fence: results of earlier attempts end later ones, and the run finds them."""
    record = carry_out(Plan(SEED, seconds=40.0, fenced=False), tmp_path)
    findings = check(record)

    assert "no late result" in {violation.invariant for violation in findings.violations}, text(record, findings)
    assert not record.late_results
