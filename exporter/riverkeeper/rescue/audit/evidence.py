"""What a rescue was judged by, as the audit keeps it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from riverkeeper.rescue.decision import LockedJob, RescuePlan
from riverkeeper.verdict.verdict import Verdict

Fact = str | float | bool | None


def evidence(held: LockedJob, verdict: Verdict, what: RescuePlan, path_ok_since: float | None) -> Mapping[str, Fact]:
    """Facts by name. Moments are Unix seconds of the database's clock; what is not known is left out."""
    job, beat, limit = held.job, held.job.beat, verdict.limit
    facts: dict[str, Fact] = {
        "now": held.now,
        "claimed_at": job.claimed_at,
        "client_id": job.client_id,
        "max_attempts": job.max_attempts,
        "errors": held.errors,
        "rescues_in_a_day": job.rescues,
        "scheduled_at_before": held.scheduled_at,
        "cancel_requested": job.cancel_requested,
        "fences": held.fences,
        "fence_in_force": held.fence_in_force,
        "led": held.led,
        "retryable_keeps_key": held.retryable_keeps_key,
        "path_ok_since": path_ok_since,
        "underlying": verdict.underlying,
        "value": verdict.value,
        "beats": "none" if beat is None else "metadata" if beat.by_metadata else "table",
        "state": what.state,
        "scheduled_at": what.scheduled_at,
    }
    if limit is not None:
        facts |= {"limit": limit.name, "limit_seconds": limit.seconds, "limit_origin": limit.origin}
    if beat is not None:
        facts |= {
            "beat_at": beat.beat_at, "interval": beat.interval, "lease": beat.lease, "progress_at": beat.progress_at,
            "progress": beat.progress, "stop_requested_at": beat.stop_requested_at,
            "ended_at": beat.ended_at,
        }  # fmt: skip
    return {name: fact for name, fact in facts.items() if _is_known(fact)}


def _is_known(fact: Fact) -> bool:
    return fact is not None and not (isinstance(fact, float) and not math.isfinite(fact))
