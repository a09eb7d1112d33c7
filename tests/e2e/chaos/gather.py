"""Reads at the end of a run what all parties have written."""

from __future__ import annotations

import json

from e2e.chaos.environment import LIMITS, Environment, counters
from e2e.chaos.invariants import DROPPED, RESCUES
from e2e.chaos.journal import read_journals
from e2e.chaos.record import Change, Effect, Final, LateResult, Record, Rescue, Trouble
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until

CHANGES = """
SELECT extract(epoch FROM at)::float, application, operation, job_id, before, after, claim_before, claim_after
FROM chaos.change ORDER BY id
"""
RESCUED = """
SELECT extract(epoch FROM at)::float, job_id, chaos.claim(attempted_at), reason, action, coalesce(old_worker, ''),
    was_false, keeper::text
FROM riverkeeper.rescue WHERE NOT dry_run AND state_after IS NOT NULL ORDER BY id
"""
LATE = """
SELECT extract(epoch FROM at)::float, job_id, chaos.claim(claimed_at), outcome, counted_at IS NOT NULL
FROM riverkeeper.late_result ORDER BY id
"""
UNCOUNTED = "SELECT 1 FROM riverkeeper.late_result WHERE counted_at IS NULL LIMIT 1"
EFFECTS = "SELECT extract(epoch FROM at)::float, job_id, chaos.claim(attempted_at), completes FROM chaos.effect"
FINALS = "SELECT id, state::text, chaos.claim(attempted_at), metadata::text FROM river_job"


def gather(environment: Environment, troubles: list[Trouble], seed: int, seconds: float, end: float) -> Record:
    """The record of a run whose workers have stopped, and whose replicas still answer."""
    rows = environment.river.rows
    entries, pulses = read_journals(environment.folder)
    until(lambda: not rows(UNCOUNTED), "the late results to be counted")
    counted = counters(environment, RESCUES, DROPPED)
    return Record(
        seed=seed,
        seconds=seconds,
        fenced=environment.fenced,
        limits=LIMITS,
        end=end,
        troubles=troubles,
        processes=[process for here in environment.workers for process in here.processes()],
        entries=entries,
        pulses={**pulses, "": environment.probe.answers},
        changes=[Change(*row) for row in rows(CHANGES)],
        rescues=[Rescue(*row) for row in rows(RESCUED)],
        late_results=[LateResult(*row) for row in rows(LATE)],
        effects=[Effect(*row) for row in rows(EFFECTS)],
        finals=[Final(*row) for row in rows(FINALS)],
        counters=counted,
        report=json.loads(riverkeeper(environment.river, "rescue", "report", "--since", "1d", "--json")),
    )
