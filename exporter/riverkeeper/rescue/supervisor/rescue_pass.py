"""One rescue pass: which stuck jobs it tries, in which order, and in groups of one transaction each.

A pass ends when no candidate is left, the batch is used up, a brake is engaged, or the process stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from riverkeeper.brakes.rules import Brake, ProcessHealth, first_engaged
from riverkeeper.brakes.state import read_facts
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode, Tier, stricter_mode
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.records import find_own_rescue, read_committed_acts
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.decision import decide
from riverkeeper.rescue.refusal import BRAKES, Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, BrakeReader, Rescued, RescueItem, RescueRequest
from riverkeeper.rescue.stacks import choose_requests, request_stacks
from riverkeeper.rescue.supervisor.election import LeaderElection, Replica
from riverkeeper.rescue.transaction import rescue_jobs
from riverkeeper.rescue.wakes.wake import Wake
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limit, LimitName, Limits, StuckJob, VerdictSummary

log = structlog.get_logger()

RESCUE_SECONDS = 3.0  # for one transaction; a longer one delays River's completer, and a stop of this process
GROUP = 25  # claims in one transaction: some 15 ms, the time that a beat of one of them may wait
REMEMBERED = 50_000  # claims that were tried; with more at once, something else is wrong
# These end a pass for all dry runs, or for all that are live: the next candidate would be skipped for the same reason.
ENDS_PASS = BRAKES | {Refusal.NOT_ACTOR}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stuck job, with what policy decides before any lock is taken."""

    stuck: StuckJob
    tier: Tier
    dry_run: bool
    woken_by: str
    skipped: Skipped | None  # None: a rescue may be tried

    @property
    def claim(self) -> JobClaim:
        return self.stuck.job.claim

    @property
    def is_reported(self) -> bool:
        """Whether its client reported the reason, so that a doubt about missed heartbeats does not hold it back."""
        return self.stuck.verdict.reason.is_reported


Outcome = tuple[Candidate, Rescued | Skipped]


def find_candidates(
    stuck: Iterable[StuckJob], policy: Policy, mode: Mode, wakes: Collection[Wake], now: float, *, supervisor: bool
) -> Iterator[Candidate]:
    """With a supervisor every stuck job, else the stuck jobs that a wake covers. `now`: the database's clock."""
    for stuck_job in stuck:
        wake = next((wake for wake in wakes if wake.call.scope.covers(stuck_job)), None)
        if wake is None and not supervisor:
            continue
        job = stuck_job.job
        tier = tier_of(policy, job.queue, job.kind, job.priority)
        effective = stricter_mode(mode, tier.mode)
        disabled = effective is Mode.DISABLED
        yield Candidate(
            stuck_job,
            tier,
            effective is not Mode.LIVE,
            wake.woken_by if wake else "supervisor",
            Skipped(Refusal.MODE) if disabled else _skip_by_policy(stuck_job, tier, now),
        )


def order_candidates(found: Iterable[Candidate], tried_at: Mapping[JobClaim, float]) -> list[Candidate]:
    """Candidates that were never tried first (longest past the limit first), then those that were tried longest ago.

    So a row that is locked for hours does not keep the others waiting. Reported reasons come before all of them, since
    fewer brakes hold them back.
    """
    return sorted(found, key=lambda each: (not each.is_reported, tried_at.get(each.claim, float("-inf"))))


def split_group(waiting: Sequence[Candidate], at_most: int) -> tuple[list[Candidate], list[Candidate]]:
    """Split off the candidates that go into one transaction with the first one. Returns (group, others).

    Rows and tombstones never go together: a tombstone may wait for a beat, and that beat for one of the rows.
    """
    key = _group_key(waiting[0])
    together, others = list[Candidate](), list[Candidate]()
    for candidate in waiting:
        fits = len(together) < at_most and _group_key(candidate) == key
        (together if fits else others).append(candidate)
    return together, others


def _group_key(candidate: Candidate) -> tuple[bool, bool, bool]:
    return candidate.stuck.job.has_row, candidate.dry_run, candidate.is_reported


def _skip_by_policy(stuck: StuckJob, tier: Tier, now: float) -> Skipped | None:
    decision = decide(stuck.job, stuck.verdict, tier, now)
    return decision if isinstance(decision, Skipped) else None


@dataclass(frozen=True, slots=True)
class PassInput:
    """The verdicts that a pass acts on."""

    read_at: float  # database clock
    began_at: float  # lease_clock() of this process
    verdicts: VerdictSummary
    run_limits: Mapping[tuple[str, str], Limit]  # (kind, tier): how long a run may take, learned limits included

    @classmethod
    def from_verdicts(cls, read_at: float, began_at: float, verdicts: VerdictSummary) -> PassInput:
        runs = {(used.kind, used.tier): used.limit for used in verdicts.limits if used.limit.name is LimitName.RUN}
        return cls(read_at, began_at, verdicts, runs)

    def limits(self, policy: Policy, tier: Tier, kind: str) -> Limits:
        """The limits that the verdicts used."""
        return replace(limits_of(policy, tier, kind), run=self.run_limits.get((kind, tier.name)))


@dataclass(slots=True)
class RescuePass:
    """Runs passes, and remembers which claims were tried, so that each claim is tried in turn."""

    connection: RescueConnection
    replica: Replica
    election: LeaderElection
    is_stopping: Callable[[], bool]
    tried_at: dict[JobClaim, float] = field(default_factory=dict)  # lease_clock()
    recorded: set[tuple[JobClaim, str]] = field(default_factory=set)  # dry runs that are in the audit
    unconfirmed: list[Candidate] = field(default_factory=list)  # commit outcome unknown
    server: str | None = None  # the server of the last pass (HeartbeatPath.server)

    def run(self, found: list[Candidate], given: PassInput, policy: Policy) -> Iterator[Outcome]:
        """Yields the outcome of each candidate that was reached. Raises DatabaseError where the connection is lost."""
        yield from self._resolve_unconfirmed()
        if policy.rescue.stacks:
            self._request_stacks(found, given.read_at)
        left, waiting = policy.rescue.batch, list[Candidate]()
        for candidate in order_candidates(found, self.tried_at):
            if skipped := self._skip_early(candidate):
                yield candidate, skipped
            else:
                waiting.append(candidate)
        while waiting and left > 0 and not self.is_stopping():
            together, waiting = split_group(waiting, min(GROUP, left))
            ended = None
            for candidate, outcome in self._try(together, given, policy):
                yield candidate, outcome
                left -= isinstance(outcome, Rescued)
                if isinstance(outcome, Skipped) and outcome.refusal in ENDS_PASS:
                    ended = outcome
            if ended:  # for all with the same budget: dry runs and live rescues are counted apart
                yield from ((each, ended) for each in waiting if each.dry_run == together[0].dry_run)
                waiting = [each for each in waiting if each.dry_run != together[0].dry_run]

    def _request_stacks(self, found: Sequence[Candidate], now: float) -> None:
        """Before a job is stopped, and in every mode: a request changes no job. A failure holds up no rescue."""
        claims = choose_requests((candidate.stuck for candidate in found), now)
        if not claims:
            return
        try:
            with self.connection.writing(RESCUE_SECONDS) as tx:
                request_stacks(tx, claims)
        except DatabaseError as error:
            if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE}:
                raise
            log.warning("stacks not requested; rescues continue", jobs=len(claims), error=str(error))

    def notice_server(self, server: str | None) -> None:
        """A server after a failover may lack the newest audit rows: forget which dry runs were recorded."""
        if server != self.server:
            self.recorded.clear()
        self.server = server

    def _skip_early(self, candidate: Candidate) -> Skipped | None:
        """Why a candidate is skipped without a transaction; None: it needs one."""
        if candidate.dry_run and (candidate.claim, candidate.stuck.verdict.reason.value) in self.recorded:
            return candidate.skipped or Skipped(Refusal.RECORDED)
        return candidate.skipped

    def _try(self, group: Sequence[Candidate], given: PassInput, policy: Policy) -> Iterator[Outcome]:
        """All in one transaction; where the group cannot be rescued together, each in its own."""
        items = [RescueItem(each.stuck, self._make_request(each, given, policy)) for each in group]
        outcomes = self._rescue(group, items)
        if outcomes is not None:
            yield from zip(group, outcomes, strict=True)
            return
        for candidate in group:
            yield from self._try([candidate], given, policy)

    def _rescue(self, group: Sequence[Candidate], items: Sequence[RescueItem]) -> list[Rescued | Skipped] | None:
        """None: the group cannot be rescued together. A single candidate never gives None."""
        for candidate in group:
            self._remember_try(candidate)
        self.unconfirmed += group  # until their commit is answered
        try:
            with self.connection.writing(RESCUE_SECONDS) as tx:
                outcomes = rescue_jobs(tx, items)
        except DatabaseError as error:
            if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE, ErrorKind.TIMED_OUT}:
                raise
            outcomes = [Skipped(Refusal.DATABASE, str(error))] if len(group) == 1 else None
        del self.unconfirmed[-len(group) :]
        for candidate, outcome in zip(group, outcomes or (), strict=False):
            self._remember_outcome(candidate, outcome)
        return outcomes

    def _remember_outcome(self, candidate: Candidate, outcome: Rescued | Skipped) -> None:
        refusal = outcome.refusal if isinstance(outcome, Skipped) else None
        if candidate.dry_run and refusal in {None, Refusal.RECORDED}:
            self.recorded.add((candidate.claim, candidate.stuck.verdict.reason.value))
        if refusal in ENDS_PASS:  # it was not tried
            self.tried_at.pop(candidate.claim, None)

    def _make_request(self, candidate: Candidate, given: PassInput, policy: Policy) -> RescueRequest:
        return RescueRequest(
            tier=candidate.tier,
            limits=given.limits(policy, candidate.tier, candidate.stuck.job.kind),
            policy=policy,
            keeper=self.replica.id,
            woken_by=candidate.woken_by,
            path_ok_since=given.verdicts.path_ok_since,
            dry_run=candidate.dry_run,
            locks_jobs=self.connection.may_rescue,
            cooldown=policy.rescue.cooldown,
            read_brakes=self._brake_reader(given, policy, dry_run=candidate.dry_run, reported=candidate.is_reported),
        )

    def _brake_reader(self, given: PassInput, policy: Policy, *, dry_run: bool, reported: bool = False) -> BrakeReader:
        def read_brakes(tx: Transaction) -> BrakeCheck:
            facts = read_facts(tx, dry_run=dry_run)
            age = max(facts.now - given.read_at, lease_clock() - given.began_at)
            health = ProcessHealth(self.election.running_for, age)
            if facts.path.ok_since != given.verdicts.path_ok_since:
                broken = Brake.STALE_SNAPSHOT, f"the heartbeat path broke after the scrape: {facts.path.why}"
                return lambda _: broken
            return lambda acts: first_engaged(facts.after(acts), policy, health, reported=reported)

        return read_brakes

    def _remember_try(self, candidate: Candidate) -> None:
        if len(self.tried_at) >= REMEMBERED:
            self.tried_at.clear()
            self.recorded.clear()
        self.tried_at[candidate.claim] = lease_clock()

    def _resolve_unconfirmed(self) -> Iterator[Outcome]:
        """Read from the audit which unconfirmed commits happened. Waits while the old transaction may still run."""
        for candidate in list(self.unconfirmed):
            acts = read_committed_acts(self.connection.database, self.connection.schemas, candidate.claim)
            if acts is None:
                return
            self.unconfirmed.remove(candidate)
            rescued = find_own_rescue(acts, self.replica.id, candidate.stuck.job)
            log.info(
                "commit outcome was unknown; resolved from the audit",
                job=candidate.claim.job_id,
                committed=rescued is not None,
            )
            if rescued:
                yield candidate, rescued
