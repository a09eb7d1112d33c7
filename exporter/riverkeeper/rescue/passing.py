"""One pass over what is stuck: each claim in a transaction of its own, until a brake, the batch or time ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from riverkeeper.database import Transaction
from riverkeeper.errors import DatabaseError, Trouble
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.rescue.act import rescue
from riverkeeper.rescue.audit import did_it_commit
from riverkeeper.rescue.braking import read_facts
from riverkeeper.rescue.candidates import Candidate, in_turn
from riverkeeper.rescue.ground import Ground
from riverkeeper.rescue.order import Done, Order
from riverkeeper.rescue.refusal import Refusal, Refused
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.state import Brake
from riverkeeper.rescue.turn import Replica
from riverkeeper.rescue.watch import Watch
from riverkeeper.verdict.brakes import Ourselves, held
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.judged import Judged
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.verdict.verdict import Limit, Limits
from riverkeeper.verdict.words import LimitName

log = structlog.get_logger()

RESCUE_SECONDS = 3.0  # for one claim; longer holds up River's completer, and a stop
REMEMBERED = 50_000  # claims of which we know that they were tried; more at once is another problem
# These end a pass: the next candidate would hear the same.
ENDS_PASS = {refusal for refusal in Refusal if refusal.value.startswith("brake_")} | {Refusal.NOT_ACTOR}

Outcome = tuple[Candidate, Done | Refused]


@dataclass(frozen=True, slots=True)
class View:
    """The reading that a pass acts on."""

    read_at: float  # database clock
    began_at: float  # our clock that runs through suspend
    judged: Judged
    runs: Mapping[tuple[str, str], Limit]  # (kind, tier): how long a run may take; learnt ones only the reading knows

    def limits(self, policy: Policy, tier: Tier, kind: str) -> Limits:
        """The limits that the verdicts went by."""
        return replace(limits_of(policy, tier, kind), run=self.runs.get((kind, tier.name)))


def view(read_at: float, began_at: float, judged: Judged) -> View:
    """The view of a reading with verdicts."""
    runs = {(one.kind, one.tier): one.limit for one in judged.limits if one.limit.name is LimitName.RUN}
    return View(read_at, began_at, judged, runs)


@dataclass(slots=True)
class Passing:
    """Makes passes, and remembers which claims it has tried, so that each has its turn."""

    ground: Ground
    replica: Replica
    watch: Watch
    is_over: Callable[[], bool]  # the process ends
    tried_at: dict[Claim, float] = field(default_factory=dict)
    recorded: set[tuple[Claim, str]] = field(default_factory=set)  # dry runs that stand in the audit
    doubtful: list[Candidate] = field(default_factory=list)  # the commit was not answered

    def over(self, found: list[Candidate], view: View, rules: Rules) -> Iterator[Outcome]:
        """What became of each candidate that was reached. Raises DatabaseError where the connection is gone."""
        self._settle_doubts()
        left, ended = rules.batch, None
        for one in in_turn(found, self.tried_at):
            if one.refused or ended:
                yield one, one.refused or ended or Refused(Refusal.NOT_ACTOR)
            elif one.dry_run and (one.stuck.job.claim, one.stuck.verdict.reason.value) in self.recorded:
                yield one, Refused(Refusal.RECORDED)
            elif left > 0 and not self.is_over():
                outcome = self._try(one, view, rules)
                yield one, outcome
                left -= isinstance(outcome, Done)
                if isinstance(outcome, Refused) and outcome.refusal in ENDS_PASS:
                    ended = outcome

    def _try(self, one: Candidate, view: View, rules: Rules) -> Done | Refused:
        self._remember(one)
        order = self._order(one, view, rules)
        self.doubtful.append(one)  # until its commit is answered
        try:
            with self.ground.writing(RESCUE_SECONDS) as tx:
                outcome = rescue(tx, one.stuck, order)
        except DatabaseError as error:
            if error.trouble in {Trouble.LOST, Trouble.UNREACHABLE, Trouble.TIMED_OUT}:
                raise
            outcome = Refused(Refusal.DATABASE, str(error))
        self.doubtful.remove(one)
        if order.dry_run and (isinstance(outcome, Done) or outcome.refusal is Refusal.RECORDED):
            self.recorded.add((one.stuck.job.claim, one.stuck.verdict.reason.value))
        return outcome

    def _order(self, one: Candidate, view: View, rules: Rules) -> Order:
        return Order(
            tier=one.tier,
            limits=view.limits(rules.policy, one.tier, one.stuck.job.kind),
            policy=rules.policy,
            keeper=self.replica.id,
            woken_by=one.woken_by,
            path_ok_since=view.judged.path_ok_since,
            dry_run=one.dry_run,
            cooldown=rules.restraints.cooldown,
            brakes=self._brakes(view, rules, dry_run=one.dry_run),
        )

    def _brakes(self, view: View, rules: Rules, *, dry_run: bool) -> Callable[[Transaction], tuple[Brake, str] | None]:
        def brakes(tx: Transaction) -> tuple[Brake, str] | None:
            facts = read_facts(tx, dry_run=dry_run)
            age = max(facts.now - view.read_at, lease_clock() - view.began_at)
            if facts.path.ok_since != view.judged.path_ok_since:
                return Brake.STALE_SNAPSHOT, f"the way of a beat was broken meanwhile: {facts.path.why}"
            return held(facts, rules.restraints, Ourselves(self.watch.awake_for, age))

        return brakes

    def _remember(self, one: Candidate) -> None:
        if len(self.tried_at) >= REMEMBERED:
            self.tried_at.clear()
            self.recorded.clear()
        self.tried_at[one.stuck.job.claim] = lease_clock()

    def _settle_doubts(self) -> None:
        """Commits that nobody answered: the audit knows. While the server may yet be at one, nothing is known."""
        for one in list(self.doubtful):
            committed = did_it_commit(self.ground.database, self.ground.schemas, one.stuck.job.claim)
            if committed is None:
                return
            self.doubtful.remove(one)
            log.info("a commit that was not answered", job=one.stuck.job.claim.job_id, committed=committed)
