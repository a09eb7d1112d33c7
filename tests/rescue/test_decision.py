"""What is written is right for any row, verdict and tier, and nothing in a row can make the decision fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Action, Tier
from riverkeeper.rescue.audit.outcome import DRY_WATCH_SECONDS, FollowUpFacts, PreviousWorker, judge_outcome
from riverkeeper.rescue.audit.records import collect_evidence
from riverkeeper.rescue.decision import (
    DEAD_FENCE,
    SHORT_WAIT,
    STOPPED_FIRST,
    Act,
    LockedJob,
    decide,
    next_attempt_wait,
    plan_rescue,
)
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.river.failures import parse_moment
from riverkeeper.verdict.job import Beat, JobClaim, RunningJob
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import WORKERS_FAULT, Limit, LimitName, Reason, Verdict

NOW = 1_800_000_000.0
# Near enough to each other that every limit, fence and grace is met from both sides; and far apart.
moments = st.floats(NOW - 150, NOW + 10) | st.floats(NOW - 1e6, NOW + 1e3)
seconds = st.floats(0, 120) | st.floats(0, 1e5)
maybe = st.none()
beats = st.builds(
    Beat, beat_at=moments, interval=st.floats(1, 60), lease=maybe | seconds, progress_at=maybe | moments,
    stop_requested_at=maybe | moments, fences=st.booleans(), by_metadata=st.booleans(),
)  # fmt: skip
claims = st.builds(JobClaim, st.integers(1, 1 << 62), st.integers(1, 9), st.just("2026-01-01T00:00:00.000000Z"))
jobs = st.builds(
    RunningJob, claim=claims, queue=st.just("q"), kind=st.just("k"), priority=st.integers(1, 4),
    max_attempts=st.integers(1, 9),
    claimed_at=moments, client_id=maybe | st.text(max_size=5), beat=maybe | beats,
    cancel_requested=st.sampled_from([False, True, None]),
    rescues=st.integers(0, 5),
)  # fmt: skip
garbage = (
    maybe | st.text(max_size=12) | st.sampled_from(["1.5", "null", '"three"', "99999999999", "-3", "[]", "٣", "0", "7"])
)
lockeds = st.builds(
    LockedJob, job=jobs, now=st.just(NOW), scheduled_at=moments, errors=st.integers(0, 5000),
    has_metadata=st.booleans(), rescue_count=garbage, retryable_keeps_key=st.booleans(), led=st.booleans(),
    fences=st.booleans(),
    last_rescue_at=maybe | moments, chance=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
actions = st.sampled_from(Action)
tiers = st.builds(
    Tier, name=st.just("t"), fence=seconds, plain_fence=seconds, drain=seconds, stop_grace=seconds,
    on_exhausted=st.sampled_from([Action.HOLD, Action.DISCARD]), on_worker_lost=actions, on_hung=actions,
    on_over_budget=actions, on_rescue_loop=actions,
)  # fmt: skip
verdicts = st.builds(
    Verdict, reason=st.sampled_from(Reason), tier=st.just("t"), value=maybe | seconds,
    limit=maybe | st.builds(Limit, st.sampled_from(LimitName), seconds, st.text(max_size=9)),
    underlying=maybe | st.sampled_from(sorted(WORKERS_FAULT | STOPPED_FIRST)),
)  # fmt: skip
asked = maybe | st.sampled_from([Action.RETRY, Action.DISCARD, Action.CANCEL])


@given(jobs, verdicts, tiers, asked)
def test_only_stuck_or_requested_jobs_are_touched(
    job: RunningJob, verdict: Verdict, tier: Tier, asked: Action | None
) -> None:
    """Hold means nothing is done; so does a job that is not stuck, unless an operator names an action."""
    decided = decide(job, verdict, tier, NOW, asked)

    if asked is None and (not verdict.reason.is_stuck or action_for(tier, verdict.reason) is Action.HOLD):
        assert isinstance(decided, Skipped)
    if decided is Act.RETRY:
        assert job.claim.attempt < job.max_attempts
        assert job.cancel_requested is False or (asked is not None and not job.cancel_requested)
    if decided is Act.DISCARD and Action.DISCARD not in {asked, action_for(tier, verdict.reason)}:
        assert asked is None
        assert job.claim.attempt >= job.max_attempts
        assert verdict.reason not in WORKERS_FAULT or tier.on_exhausted is Action.DISCARD


@given(jobs, verdicts, tiers)
def test_a_living_worker_is_requested_to_stop_first(job: RunningJob, verdict: Verdict, tier: Tier) -> None:
    """A worker that beats in the table is never robbed of a job before stop_grace after the request to stop."""
    decided = decide(job, verdict, tier, NOW)
    beat, cause = job.beat, verdict.underlying or verdict.reason
    if isinstance(decided, Act) and beat is not None and not beat.by_metadata and cause in STOPPED_FIRST:
        asked_long_ago = beat.stop_requested_at is not None and beat.stop_requested_at + tier.stop_grace <= NOW
        assert asked_long_ago == (decided is not Act.STOP)


@given(lockeds, verdicts, tiers, st.sampled_from(Act))
def test_what_is_written_is_a_row_that_river_reads(held: LockedJob, verdict: Verdict, tier: Tier, act: Act) -> None:
    """Final states with finalized_at and no other; an error of River's shape; a count that is a small whole number."""
    what = plan_rescue(held, verdict, tier, act)

    assert (what.state is None) == (act is Act.STOP)
    assert (what.finalized_at is not None) == (what.state in {"discarded", "cancelled"})
    assert (what.scheduled_at is not None) == (act is Act.RETRY)
    if what.state is not None:
        assert what.error is not None
        error = json.loads(json.dumps(what.error))
        assert error.keys() == {"at", "attempt", "error", "trace"}
        assert datetime.fromisoformat(error["at"]).timestamp() == pytest.approx(NOW, abs=1e-3)
        assert parse_moment(error["at"]) is not None
        assert isinstance(error["attempt"], int)
        assert (what.metadata is None) == (not held.has_metadata)
    if what.metadata is not None:
        count = what.metadata["river:rescue_count"]
        assert isinstance(count, int)
        assert 1 <= count < 1 << 31
    json.dumps(collect_evidence(held, verdict, what, NOW - 1), allow_nan=False)


@given(lockeds, verdicts, tiers)
def test_the_next_attempt_waits_for_the_previous_worker(held: LockedJob, verdict: Verdict, tier: Tier) -> None:
    """Never before the fence, nor before lease and drain; in a state in which somebody finds it."""
    wait = next_attempt_wait(held, verdict, tier)
    what = plan_rescue(held, verdict, tier, Act.RETRY)
    beat = held.job.beat

    reason = verdict.underlying or verdict.reason
    if reason is Reason.WORKER_DEAD:  # nobody is left who would have to stop: only what is on its way is waited for
        assert 0.0 <= wait <= (0.0 if held.fences else DEAD_FENCE)
        return
    ended = reason is Reason.ABANDONED
    assert wait >= ((0.0 if ended else tier.fence) if held.fences else tier.plain_fence)
    if beat is not None and beat.lease is not None:
        assert NOW + wait >= beat.beat_at + beat.lease + tier.drain - 1e-3
    assert what.scheduled_at == NOW + wait
    if what.state == "retryable":
        assert held.led
        assert held.retryable_keeps_key
        assert wait > SHORT_WAIT
    else:
        assert what.state == "available"


@given(lockeds, verdicts, tiers, st.floats(1, 100), st.floats(0, 99))
def test_the_lease_and_the_drain_are_waited_out(
    held: LockedJob, verdict: Verdict, tier: Tier, lease: float, ago: float
) -> None:
    """A job that hangs is taken from a worker that beats: it has its whole lease, and time to stop, before the next."""
    assume((verdict.underlying or verdict.reason) is not Reason.WORKER_DEAD)
    held = replace(held, job=replace(held.job, beat=Beat(NOW - ago, 10.0, lease=lease)), errors=0, chance=0.5)
    tier = replace(tier, fence=0.0, plain_fence=0.0, drain=ago + 2.0)

    assert next_attempt_wait(held, verdict, tier) == pytest.approx(lease + 2.0)


@given(lockeds, tiers)
def test_a_lost_worker_s_job_does_not_back_off(held: LockedJob, tier: Tier) -> None:
    """It did nothing wrong; what hangs waits as long as in River's default policy."""
    held = replace(held, job=replace(held.job, beat=None), fences=True)
    assert next_attempt_wait(held, Verdict(Reason.WORKER_LOST, "t"), tier) == tier.fence
    hung = next_attempt_wait(held, Verdict(Reason.HUNG, "t"), tier)
    assert hung >= min(held.errors + 1, 310) ** 4 * 0.9


seens = st.builds(
    FollowUpFacts, dry_run=st.booleans(), reason=st.sampled_from([reason for reason in Reason if reason.is_stuck]),
    act=st.sampled_from(Act), at=moments, now=st.just(NOW + 1e3),
    beats=st.sampled_from(["none", "table", "metadata", None]),
    ended_at=maybe | moments, outcome=maybe | st.sampled_from(["completed", "failed", "abandoned"]),
    worker_beat_at=maybe | moments,
    state=maybe | st.sampled_from(["running", "completed", "retryable", "scheduled"]), is_claim=st.booleans(),
    is_rescued=st.booleans(), leased=st.booleans(), late_at=maybe | moments,
    late_outcome=maybe | st.sampled_from(["completed", "failed"]),
)  # fmt: skip


@given(seens)
def test_every_follow_up_ends(seen: FollowUpFacts) -> None:
    """At the latest after a day a row is closed, and a closed row has a word."""
    news = judge_outcome(seen)
    if news.closed:
        assert news.previous_worker is not None
    if seen.now - seen.at > DRY_WATCH_SECONDS:
        assert news.closed


@given(seens)
def test_missing_heartbeats_never_make_a_rescue_false(seen: FollowUpFacts) -> None:
    """Nor does a stop; and what a worker reported before the rescue is no proof."""
    news = judge_outcome(seen)
    if news.was_false:
        assert news.previous_worker in {PreviousWorker.FINISHED, PreviousWorker.BEAT}
        assert seen.dry_run or seen.act is not Act.STOP
        assert seen.reason is not Reason.ABANDONED
        assert news.at is None or news.at >= seen.at or news.at == seen.late_at
    assert not (news.previous_worker is PreviousWorker.SILENT and news.was_false)
    assert (news.was_false is None) or news.previous_worker not in {None, PreviousWorker.UNKNOWN}


LOST = FollowUpFacts(
    False, Reason.WORKER_LOST, Act.RETRY, NOW, NOW + 60, "table", None, None, None, "running", False, True
)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (LOST, None),
        (replace(LOST, worker_beat_at=NOW + 5), True),
        (replace(LOST, worker_beat_at=NOW + 5, leased=True), None),
        (replace(LOST, worker_beat_at=NOW + 5, leased=True, now=NOW + 600), False),
        (replace(LOST, ended_at=NOW + 5, outcome="failed"), True),
        (replace(LOST, ended_at=NOW + 5, outcome="failed", leased=True), False),
        (replace(LOST, ended_at=NOW + 5, outcome="abandoned"), False),
        (replace(LOST, ended_at=NOW + 5, outcome="abandoned", leased=True), False),
        (replace(LOST, ended_at=NOW + 5, outcome="completed", leased=True), True),
        (replace(LOST, ended_at=NOW - 5, outcome="completed"), None),
        (replace(LOST, ended_at=NOW + 5, outcome="completed", reason=Reason.ABANDONED), False),
        (replace(LOST, late_at=NOW + 5, late_outcome="completed", beats="none", reason=Reason.ORPHANED), True),
        (replace(LOST, late_at=NOW + 5, late_outcome="failed", beats="metadata"), True),
        (replace(LOST, late_at=NOW + 5, late_outcome="failed", leased=True), False),
        (replace(LOST, late_at=NOW + 5, late_outcome="failed", reason=Reason.HUNG), False),
        (replace(LOST, late_at=NOW + 5, late_outcome="completed", reason=Reason.HUNG), True),
        (replace(LOST, written_outcome="completed"), True),
        (replace(LOST, written_outcome="completed", reason=Reason.HUNG), True),
        (replace(LOST, written_outcome="failed"), True),
        (replace(LOST, written_outcome="failed", leased=True), False),
        (replace(LOST, now=NOW + 600), False),
        (replace(LOST, now=NOW + 600, beats="metadata"), None),
    ],
)
def test_a_rescue_is_false_where_work_was_taken(seen: FollowUpFacts, expected: bool | None) -> None:
    """By any sign of life of a worker that was called lost, but not where it had given the work up by itself: who has
    a lease ends its work by itself. Work that was completed is done twice, whatever the reason was.
    """
    assert judge_outcome(seen).was_false is expected


def test_every_refusal_has_its_sentence() -> None:
    """And every brake its refusal."""
    assert len({refusal.sentence for refusal in Refusal}) == len(Refusal)
    for brake in Brake:
        assert Refusal.of_brake(brake).value == f"brake_{brake.value}"
