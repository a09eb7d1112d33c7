"""Parts of the client without a database: what they decide, and that no user's mistake ends the beats of others."""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import Mapping, Sequence

import pytest

from riverkeeper.heartbeat import (
    ActiveClaim,
    Claim,
    ClaimLost,
    ClaimStatus,
    HeartbeatTier,
    LeaseExpired,
    Outcome,
    StopRequested,
    WorkMustStop,
    leases,
)
from riverkeeper.heartbeat import ticker as ticker_module
from riverkeeper.heartbeat.active_claims import ActiveClaims, Progress
from riverkeeper.heartbeat.fence import ClientFence
from riverkeeper.heartbeat.leases import LeaseWatcher, lease_clock
from riverkeeper.heartbeat.ticker import BeatFailures, Ticker
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import source

AT = "2026-01-31T23:59:59.12345%dZ"


def beat_of(job_id: int = 1, attempt: int = 1, tier: HeartbeatTier | None = None) -> ActiveClaim:
    return ActiveClaim(Claim(job_id, AT % attempt, attempt), tier or HeartbeatTier(), lease_clock())


class Answers:
    """A table that answers as the test sets it: a status for all, or an error."""

    def __init__(self, *answers: ClaimStatus | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[list[int]] = []
        self.ended: dict[Claim, Outcome] = {}

    def beat(self, beats: Sequence[tuple[ActiveClaim, Progress]], seconds: float) -> dict[Claim, ClaimStatus]:
        self.asked.append([beat.claim.job_id for beat, _ in beats])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {beat.claim: answer for beat, _ in beats}

    def save_checkpoints(self, values: Sequence[tuple[Claim, int, str]], seconds: float) -> None: ...

    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None:
        self.ended |= ended

    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None: ...

    def report_pod(self, seconds: float) -> None: ...

    def close(self) -> None: ...


AWAY = DatabaseError(ErrorKind.LOST, "statement: gone")
NO_TABLE = DatabaseError(ErrorKind.MISSING, "statement: SQLSTATE 42P01")


def ticker(table: Answers, claims: ActiveClaims, fence: ClientFence | None = None) -> Ticker:
    return Ticker(table, claims, BeatFailures(), 10, threading.Event(), fence or ClientFence(wanted=False))


def test_progress_costs_less_than_a_microsecond_or_two() -> None:
    """A job may tell it in its innermost loop. The best of several runs, for other processes use the machine too."""
    progress = beat_of().progress

    assert min(timeit.repeat(lambda: progress(0.4), number=10_000, repeat=10)) / 10_000 < 2e-6


def test_work_is_stopped_once() -> None:
    """The first reason counts; a claim that is lost later is known to be lost all the same."""
    beat = beat_of()
    reasons: list[WorkMustStop] = []
    beat.on_stop = reasons.append
    beat.stop(LeaseExpired("late"))
    beat.stop(StopRequested("hung"))
    beat.mark_lost()

    assert [type(reason) for reason in reasons] == [LeaseExpired]
    assert beat.lost
    with pytest.raises(LeaseExpired):
        beat.check()


def test_a_failing_callback_does_not_keep_others_from_hearing() -> None:
    """on_stop is the user's; an exception in it would end the thread that beats for every job."""
    claims, first, second = ActiveClaims(), beat_of(1), beat_of(2)

    def fail(_: object) -> None:
        raise ZeroDivisionError

    first.on_stop = fail
    for beat in (first, second):
        claims.add(beat)
    ticker(Answers(ClaimStatus.LOST), claims).tick()

    assert first.stopped.is_set()
    assert second.stopped.is_set()


def test_a_failed_beat_proves_nothing_of_any_claim() -> None:
    """Neither away nor missing stops anything; only a refusal counts as an answer for leases."""
    claims, beat = ActiveClaims(), beat_of(tier=HeartbeatTier(10, 25))
    claims.add(beat)
    beat.last_beat_at = before = lease_clock() - 100
    tick = ticker(Answers(AWAY, NO_TABLE), claims)
    tick.tick()
    assert beat.last_beat_at == before
    tick.tick()

    assert beat.last_beat_at > before + 99
    assert beat.reason is None


def test_progress_is_reported_again_until_a_beat_succeeds() -> None:
    """Progress reported while the database was away is not lost, and goes with a later beat."""
    claims, beat = ActiveClaims(), beat_of()
    claims.add(beat)
    beat.progress(0.5)
    tick = ticker(Answers(AWAY, ClaimStatus.HELD), claims)
    tick.tick()
    assert beat.acknowledged is not beat.reported
    tick.tick()
    assert beat.acknowledged is beat.reported
    beat.progress(0.5)

    assert beat.acknowledged is not beat.reported, "the same number reported again is progress too"


def test_a_slow_answer_counts_from_when_its_beat_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Riverkeeper counts from when the beat was written: a lease from the answer would outlast its patience."""
    claims, beat, now = ActiveClaims(), beat_of(tier=HeartbeatTier(10, 25)), 1000.0
    claims.add(beat)

    class Slow(Answers):
        def beat(self, beats: Sequence[tuple[ActiveClaim, Progress]], seconds: float) -> dict[Claim, ClaimStatus]:
            nonlocal now
            now += 4.9
            return super().beat(beats, seconds)

    monkeypatch.setattr(ticker_module, "lease_clock", lambda: now)
    tick = ticker(Slow(ClaimStatus.HELD), claims)
    tick.tick()

    assert beat.last_beat_at == 1000.0


def test_leases_run_on_a_clock_that_runs_through_suspend() -> None:
    """Else a machine that slept would believe in its lease; where the system has no such clock, the next best."""
    assert getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) == leases._RUNS_THROUGH_SUSPEND


def test_a_beat_whose_answer_got_lost_may_have_made_a_row() -> None:
    """So its end is reported, whatever happens to later beats; one that was refused has made none."""
    for answer, named in ((AWAY, True), (NO_TABLE, False)):
        claims, beat = ActiveClaims(), beat_of()
        claims.add(beat)
        ticker(Answers(answer), claims).tick()

        assert beat.named is named


def test_the_lease_runs_from_the_last_successful_beat() -> None:
    """It is looked at without a database; what has no lease never ends."""
    claims, leased, free = ActiveClaims(), beat_of(1, tier=HeartbeatTier(1, 2.5)), beat_of(2)
    for beat in (leased, free):
        claims.add(beat)
        beat.last_beat_at = lease_clock() - 2.6
    closing = threading.Event()
    closing.set()
    watch = threading.Thread(target=LeaseWatcher(claims, closing).run, daemon=True)
    watch.start()
    assert leased.stopped.wait(10)
    for beat in (leased, free):
        claims.record_end(beat, Outcome.FAILED)
    watch.join(10)

    assert isinstance(leased.reason, LeaseExpired)
    assert free.reason is None


@pytest.mark.parametrize(
    ("answer", "token"), [(None, AT % 1), (True, AT % 1), (False, None)], ids=["unknown", "in force", "not in force"]
)
def test_a_result_carries_a_token_until_no_fence_is_known(answer: bool | None, token: str | None) -> None:
    """A token too many is judged by nothing; a result without one may end a later attempt."""
    fence = ClientFence(wanted=True)
    if answer is not None:
        fence.record_answer(answer)
    beat = ActiveClaim(Claim(1, AT % 1, 1), HeartbeatTier(), lease_clock(), fence=fence)

    assert beat.token == token
    assert fence.fences is bool(answer), "and the client row says so only where it is known"


def test_a_client_that_attaches_no_token_is_plain() -> None:
    """Whatever the database has."""
    fence = ClientFence(wanted=False)
    fence.record_answer(True)

    assert fence.token(beat_of().claim) is None
    assert fence.fences is False


@pytest.mark.parametrize(("state", "in_force"), [("42P01", False), ("3F000", False), ("42703", True), ("42501", True)])
def test_a_refusal_ends_the_fence_only_with_its_schema(state: str, in_force: bool) -> None:
    """A revoked grant or a missing column proves nothing about triggers; a schema that is gone took them with it."""
    claims, fence = ActiveClaims(), ClientFence(wanted=True)
    fence.record_answer(True)
    kind = ErrorKind.FORBIDDEN if state == "42501" else ErrorKind.MISSING
    ticker(Answers(DatabaseError(kind, "statement", sqlstate=state)), claims, fence).tick()

    assert fence.in_force is in_force


def test_work_waits_for_the_first_answer_only() -> None:
    """Once a beat has succeeded or failed none waits: a job must not depend on the database."""
    fence = ClientFence(wanted=True)
    assert fence.must_wait()
    ticker(Answers(AWAY), ActiveClaims(), fence).tick()

    assert not fence.must_wait()
    assert fence.in_force is None


@pytest.mark.parametrize(
    ("reason", "outcome", "reported"),
    [
        (LeaseExpired("late"), Outcome.FAILED, Outcome.ABANDONED),
        (LeaseExpired("late"), Outcome.COMPLETED, Outcome.COMPLETED),
        (StopRequested("hung"), Outcome.FAILED, Outcome.FAILED),
        (ClaimLost("over"), Outcome.FAILED, Outcome.FAILED),
    ],
)
def test_work_that_failed_after_its_lease_was_given_up(
    reason: WorkMustStop, outcome: Outcome, reported: Outcome
) -> None:
    """Riverkeeper need not wait for such a claim, and its worker was no false alarm."""
    beat = beat_of()
    beat.stop(reason)

    assert beat.outcome_to_report(outcome) is reported


def test_the_second_attempt_finds_the_first() -> None:
    """And the same claim is refused twice; after the end nothing is taken."""
    claims, first, second = ActiveClaims(), beat_of(1, 1), beat_of(1, 2)

    assert claims.add(first) is None
    assert claims.add(second) is first
    with pytest.raises(ValueError, match="already"):
        claims.add(beat_of(1, 2))
    claims.seal()
    with pytest.raises(RuntimeError, match="closed"):
        claims.add(beat_of(2))


def test_only_claims_that_may_have_a_row_are_reported_as_ended() -> None:
    """A job that ended before its first tick writes nothing."""
    claims, silent, heard = ActiveClaims(), beat_of(1), beat_of(2)
    heard.named = True
    for beat in (silent, heard):
        claims.add(beat)
        claims.remove(beat)
        claims.record_end(beat, Outcome.COMPLETED)

    assert list(claims.list_ends()) == [heard.claim]
    assert claims.is_finished()


@pytest.mark.parametrize(
    "name", ["beat", "beat_plain", "end", "claim", "claim_status", "verify_claim", "meta", "beat_metadata"]
)
def test_no_statement_is_sent_the_workers_clock(name: str) -> None:
    """A worker an hour off beats like any other: moments are the database's, but for started_at, which is shown."""
    code = "\n".join(line for line in source(f"heartbeat/{name}").splitlines() if not line.startswith("--"))
    sent = {word for word in code.replace("%(", " %( ").split() if word.endswith("::timestamptz")}

    assert "clock" not in code
    assert all("attempted_at" in word or "started_at" in word for word in sent), sent
