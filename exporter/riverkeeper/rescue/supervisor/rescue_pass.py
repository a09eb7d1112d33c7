"""One pass over what is stuck: groups of claims, each in a transaction, until a brake, the batch or time ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from riverkeeper.brakes.rules import Brake, ProcessHealth, first_engaged
from riverkeeper.brakes.state import read_facts
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.records import find_own_rescue, read_committed_acts
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.refusal import BRAKES, Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, BrakeReader, Rescued, RescueItem, RescueRequest
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.supervisor.candidates import Candidate, group, in_turn
from riverkeeper.rescue.supervisor.election import Watch
from riverkeeper.rescue.supervisor.turn import Replica
from riverkeeper.rescue.transaction import rescue_jobs
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.verdict import Limit, LimitName, Limits, VerdictSummary

log = structlog.get_logger()

RESCUE_SECONDS = 3.0  # for one transaction; longer holds up River's completer, and a stop
GROUP = 25  # claims in one transaction: some 15 ms, for as long as which a beat of one of them may wait
REMEMBERED = 50_000  # claims of which we know that they were tried; more at once is another problem
# These end a pass for all that are dry, or for all that are not: the next candidate would hear the same.
ENDS_PASS = BRAKES | {Refusal.NOT_ACTOR}

Outcome = tuple[Candidate, Rescued | Skipped]


@dataclass(frozen=True, slots=True)
class View:
    """The reading that a pass acts on."""

    read_at: float  # database clock
    began_at: float  # our clock that runs through suspend
    verdicts: VerdictSummary
    runs: Mapping[tuple[str, str], Limit]  # (kind, tier): how long a run may take; learnt ones only the reading knows

    def limits(self, policy: Policy, tier: Tier, kind: str) -> Limits:
        """The limits that the verdicts went by."""
        return replace(limits_of(policy, tier, kind), run=self.runs.get((kind, tier.name)))


def view(read_at: float, began_at: float, verdicts: VerdictSummary) -> View:
    """The view of a reading with verdicts."""
    runs = {(one.kind, one.tier): one.limit for one in verdicts.limits if one.limit.name is LimitName.RUN}
    return View(read_at, began_at, verdicts, runs)


@dataclass(slots=True)
class Passing:
    """Makes passes, and remembers which claims it has tried, so that each has its turn."""

    ground: RescueConnection
    replica: Replica
    watch: Watch
    is_over: Callable[[], bool]  # the process ends
    tried_at: dict[Claim, float] = field(default_factory=dict)
    recorded: set[tuple[Claim, str]] = field(default_factory=set)  # dry runs that stand in the audit
    doubtful: list[Candidate] = field(default_factory=list)  # the commit was not answered
    server: str | None = None  # that it acted on last (Path.server)

    def over(self, found: list[Candidate], view: View, rules: Rules) -> Iterator[Outcome]:
        """What became of each candidate that was reached. Raises DatabaseError where the connection is gone."""
        yield from self._settle_doubts()
        left, waiting = rules.policy.rescue.batch, list[Candidate]()
        for one in in_turn(found, self.tried_at):
            if refused := self._known(one):
                yield one, refused
            else:
                waiting.append(one)
        while waiting and left > 0 and not self.is_over():
            together, waiting = group(waiting, min(GROUP, left))
            ended = None
            for one, outcome in self._try(together, view, rules):
                yield one, outcome
                left -= isinstance(outcome, Rescued)
                if isinstance(outcome, Skipped) and outcome.refusal in ENDS_PASS:
                    ended = outcome
            if ended:  # for all that are counted together: a dry run's budget is not that of those who act
                yield from ((one, ended) for one in waiting if one.dry_run == together[0].dry_run)
                waiting = [one for one in waiting if one.dry_run != together[0].dry_run]

    def notice(self, server: str | None) -> None:
        """Another server may lack what was written last: what we remember to have written is to be looked for again."""
        if server != self.server:
            self.recorded.clear()
        self.server = server

    def _known(self, one: Candidate) -> Skipped | None:
        """What needs no transaction to be refused."""
        if one.dry_run and (one.stuck.job.claim, one.stuck.verdict.reason.value) in self.recorded:
            return one.refused or Skipped(Refusal.RECORDED)
        return one.refused

    def _try(self, ones: Sequence[Candidate], view: View, rules: Rules) -> Iterator[Outcome]:
        """Together; where that cannot be, each by itself."""
        outcomes = self._made(ones, [RescueItem(one.stuck, self._order(one, view, rules)) for one in ones])
        if outcomes is not None:
            yield from zip(ones, outcomes, strict=True)
            return
        for one in ones:
            yield from self._try([one], view, rules)

    def _made(self, ones: Sequence[Candidate], asked: Sequence[RescueItem]) -> list[Rescued | Skipped] | None:
        """None: not together; of one claim it never is."""
        for one in ones:
            self._remember(one)
        self.doubtful += ones  # until their commit is answered
        try:
            with self.ground.writing(RESCUE_SECONDS) as tx:
                outcomes = rescue_jobs(tx, asked)
        except DatabaseError as error:
            if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE, ErrorKind.TIMED_OUT}:
                raise
            outcomes = [Skipped(Refusal.DATABASE, str(error))] if len(ones) == 1 else None
        del self.doubtful[-len(ones) :]
        for one, outcome in zip(ones, outcomes or (), strict=False):
            self._learn(one, outcome)
        return outcomes

    def _learn(self, one: Candidate, outcome: Rescued | Skipped) -> None:
        refusal = outcome.refusal if isinstance(outcome, Skipped) else None
        if one.dry_run and refusal in {None, Refusal.RECORDED}:
            self.recorded.add((one.stuck.job.claim, one.stuck.verdict.reason.value))
        if refusal in ENDS_PASS:  # it had no turn
            self.tried_at.pop(one.stuck.job.claim, None)

    def _order(self, one: Candidate, view: View, rules: Rules) -> RescueRequest:
        return RescueRequest(
            tier=one.tier,
            limits=view.limits(rules.policy, one.tier, one.stuck.job.kind),
            policy=rules.policy,
            keeper=self.replica.id,
            woken_by=one.woken_by,
            path_ok_since=view.verdicts.path_ok_since,
            dry_run=one.dry_run,
            locks_jobs=self.ground.may_rescue,
            cooldown=rules.policy.rescue.cooldown,
            read_brakes=self._brakes(view, rules, dry_run=one.dry_run, reported=one.is_reported),
        )

    def _brakes(self, view: View, rules: Rules, *, dry_run: bool, reported: bool = False) -> BrakeReader:
        def brakes(tx: Transaction) -> BrakeCheck:
            facts = read_facts(tx, dry_run=dry_run)
            ourselves = ProcessHealth(
                self.watch.awake_for, max(facts.now - view.read_at, lease_clock() - view.began_at)
            )
            if facts.path.ok_since != view.verdicts.path_ok_since:
                broken = Brake.STALE_SNAPSHOT, f"the way of a beat was broken meanwhile: {facts.path.why}"
                return lambda _: broken
            return lambda acts: first_engaged(facts.after(acts), rules.policy, ourselves, reported=reported)

        return brakes

    def _remember(self, one: Candidate) -> None:
        if len(self.tried_at) >= REMEMBERED:
            self.tried_at.clear()
            self.recorded.clear()
        self.tried_at[one.stuck.job.claim] = lease_clock()

    def _settle_doubts(self) -> Iterator[Outcome]:
        """Commits that nobody answered: the audit knows. While the server may yet be at one, nothing is known."""
        for one in list(self.doubtful):
            acts = read_committed_acts(self.ground.database, self.ground.schemas, one.stuck.job.claim)
            if acts is None:
                return
            self.doubtful.remove(one)
            done = find_own_rescue(acts, self.replica.id, one.stuck.job)
            log.info("a commit that was not answered", job=one.stuck.job.claim.job_id, committed=done is not None)
            if done:
                yield one, done
