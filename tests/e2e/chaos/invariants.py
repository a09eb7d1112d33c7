"""What must be true of every run, whatever went wrong in it; each check names what breaks it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from e2e.chaos.evidence import FROZEN, STARVED, Evidence
from e2e.chaos.faults import Kind
from e2e.chaos.record import FOREVER, Attempt, Change, Record, Rescue

KEEPER = "riverkeeper"  # the application of every replica
ENDED = {"completed", "cancelled"}
TOKEN = "riverkeeper:claim"
# The states in which River leaves a job whose work ended so.
STATES = {
    "completed": {"completed"},
    "cancelled": {"cancelled"},
    "snoozed": {"available", "scheduled"},
    "failed": {"available", "retryable", "scheduled", "discarded"},
    "panicked": {"available", "retryable", "scheduled", "discarded"},
}
CUTS = ("cut", "directed cut")  # sorts of stretches in which a network holds back what is under way
CLOCKS = 0.005  # seconds between two writers of one clock, one of which was preempted between reading and writing it
STOPPING = 1.0  # seconds that a cancelled job of the workload needs at most, on a busy machine
FOLLOWED = 30.0  # seconds after which a replica has followed up what became of a rescue
RESCUES = "riverkeeper_rescues_total"
DROPPED = "riverkeeper_late_results_total"


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    invariant: str
    sentence: str
    job: int | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks found, and what they count on the way."""

    violations: list[Violation]
    overlaps: list[tuple[Attempt, Attempt]]
    starved: int  # rescues that only a starved machine excuses
    after_work: int  # rescues of claims whose work had ended, with the result not written
    under_way: int  # dead workers that are called alive, because of what they had under way


def check(record: Record) -> Findings:
    """All invariants of a record."""
    attempts = {(attempt.job, attempt.claim): attempt for attempt in record.attempts()}
    evidence = Evidence(record)
    overlapping = overlaps(list(attempts.values()))
    violations = [
        *lost_jobs(record),
        *healthy_rescues(record, attempts, evidence),
        *late_writes(record, attempts),
        *repeated_effects(record),
        *bad_overlaps(record, overlapping, evidence),
        *unexplained_ends(record),
        *audit_against_log(record),
        *late_results_against_log(record, attempts),
        *counters_against_audit(record),
        *report_against_audit(record),
        *false_rescues_against_log(record, attempts, evidence),
        *stored_tokens(record),
    ]
    return Findings(
        violations,
        overlapping,
        starved=len(_starved_rescues(record, attempts, evidence)),
        after_work=_after_work(record, attempts),
        under_way=sum(cut_off for _, _, cut_off in called_alive_when_dead(record, attempts, evidence)),
    )


Attempts = dict[tuple[int, str], Attempt]


def lost_jobs(record: Record) -> Iterator[Violation]:
    """Nothing is lost: every job that was inserted ends."""
    ends = {final.job: final.state for final in record.finals}
    for job in sorted({change.job for change in record.changes if change.operation == "INSERT"} | ends.keys()):
        if (state := ends.get(job, "gone")) not in ENDED:
            yield Violation("nothing lost", f"job {job} is {state} at the end", job, record.end)


def healthy_rescues(record: Record, attempts: Attempts, evidence: Evidence) -> Iterator[Violation]:
    """No rescue takes work from a process that was neither frozen, cut off nor dead within its limits."""
    for rescue in record.rescues:
        attempt = attempts.get((rescue.job, rescue.claim))
        if attempt is None or not attempt.begin <= rescue.at < attempt.over:
            continue
        if evidence.healthy(attempt.client, rescue.at, starving_excuses=True):
            yield Violation(
                "no rescue of a healthy worker's job",
                f"job {rescue.job} was taken from {attempt.client} ({rescue.reason}), which was healthy",
                rescue.job, rescue.at,
            )  # fmt: skip


def _starved_rescues(record: Record, attempts: Attempts, evidence: Evidence) -> list[Attempt]:
    found = []
    for rescue in record.rescues:
        attempt = attempts.get((rescue.job, rescue.claim))
        if attempt is None or not attempt.begin <= rescue.at < attempt.over:
            continue
        healthy = [evidence.healthy(attempt.client, rescue.at, starving_excuses=excuse) for excuse in (True, False)]
        if healthy == [False, True]:
            found.append(attempt)
    return found


def _after_work(record: Record, attempts: Attempts) -> int:
    worked = [attempts.get((rescue.job, rescue.claim)) for rescue in record.rescues]
    return sum(
        attempt is not None and attempt.end <= rescue.at for rescue, attempt in zip(record.rescues, worked, strict=True)
    )


def late_writes(record: Record, attempts: Attempts) -> Iterator[Violation]:
    """A result of one attempt never ends another: who ends a claim is who worked it, after its work, as it ended."""
    for change in record.changes:
        ends = change.operation == "UPDATE" and change.before == "running" and change.after != "running"
        if ends and change.application != KEEPER and (why := _why_late(change, attempts)):
            yield Violation("no late result", f"job {change.job} became {change.after}: {why}", change.job, change.at)


def _why_late(change: Change, attempts: Attempts) -> str | None:
    attempt = attempts.get((change.job, change.claim_before))
    if attempt is None:
        return f"{change.application} ended claim {change.claim_before}, whose work had never begun"
    if attempt.client != change.application:
        return f"{change.application} ended claim {change.claim_before}, which {attempt.client} worked"
    if min(attempt.end, attempt.completing) > change.at + CLOCKS:
        return f"{change.application} ended claim {change.claim_before}, whose work went on there"
    if attempt.completing <= change.at + CLOCKS and change.after == "completed":
        return None
    if attempt.end <= change.at + CLOCKS and change.after not in STATES[attempt.outcome]:
        return f"{change.application} ended claim {change.claim_before}, whose work {attempt.outcome}"
    return None


def repeated_effects(record: Record) -> Iterator[Violation]:
    """Effects in the job's transaction happen exactly once: one a claim; one a job that completes itself with it."""
    by_claim = Counter((effect.job, effect.claim) for effect in record.effects)
    for (job, claim), count in by_claim.items():
        if count > 1:
            yield Violation("effects once", f"job {job}: {count} effects of claim {claim}", job)
    whole = Counter(effect.job for effect in record.effects if effect.completes)
    states = {final.job: final.state for final in record.finals}
    for job, count in whole.items():
        if count != 1 or states.get(job) != "completed":
            yield Violation("effects once", f"job {job} is {states.get(job)} with {count} effects", job)
    held = _held_until(record)
    for effect in record.effects:
        if effect.at > held.get((effect.job, effect.claim), FOREVER) + CLOCKS:
            yield Violation(
                "effects once", f"job {effect.job}: an effect of claim {effect.claim} after it was over", effect.job,
                effect.at,
            )  # fmt: skip


def _held_until(record: Record) -> dict[tuple[int, str], float]:
    return {
        (change.job, change.claim_before): change.at
        for change in record.changes
        if change.before == "running" and change.after != "running"
    }


def overlaps(attempts: list[Attempt]) -> list[tuple[Attempt, Attempt]]:
    """Pairs of attempts of one job that were at work at once, the earlier first."""
    of_job: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.begin):
        of_job[attempt.job].append(attempt)
    return [
        (earlier, other)
        for same in of_job.values()
        for earlier, other in combinations(same, 2)
        if other.begin < earlier.over - CLOCKS
    ]


def bad_overlaps(record: Record, pairs: list[tuple[Attempt, Attempt]], evidence: Evidence) -> Iterator[Violation]:
    """Two attempts work at once only where the earlier one's process was frozen or cut off; a leased one, only frozen.

    And a leased one stops within lease + drain of its process' going on.
    """
    limits = record.limits
    for earlier, other in pairs:
        kinds = FROZEN if earlier.queue == "leased" else ()
        causes = evidence.between(earlier.client, earlier.begin, other.begin, kinds)
        if not causes:
            why = f"attempts of {earlier.client} and {other.client} overlap for {earlier.over - other.begin:.1f} s"
            yield Violation(
                "overlaps", f"job {earlier.job}: {why}, and {earlier.client} was healthy", earlier.job, other.begin
            )
        elif earlier.queue == "leased":
            later = evidence.between(earlier.client, earlier.begin, earlier.over, FROZEN)
            least = max(other.begin, *(stretch.end for stretch in later if stretch.end < FOREVER), 0.0)
            if earlier.over > least + limits.lease + limits.drain + STOPPING:
                why = f"{earlier.client} worked for {earlier.over - least:.1f} s beside {other.client}"
                yield Violation("overlaps", f"job {earlier.job}, leased: {why}", earlier.job, other.begin)


def unexplained_ends(record: Record) -> Iterator[Violation]:
    """No process ends by itself once it was ready."""
    for process in record.processes:
        if process.how == "by itself":
            yield Violation("processes", f"{process.client} ended by itself", None, process.end)


def audit_against_log(record: Record) -> Iterator[Violation]:
    """Each rescue is in the audit, once, and each live row of the audit changed its job."""
    audit = Counter((rescue.job, rescue.claim) for rescue in record.rescues)
    changed = Counter(
        (change.job, change.claim_before)
        for change in record.changes
        if change.application == KEEPER and change.before == "running" and change.after != "running"
    )
    for key in sorted(audit.keys() | changed.keys()):
        if (audit[key], changed[key]) != (1, 1):
            sentence = f"job {key[0]}, claim {key[1]}: {audit[key]} in the audit, {changed[key]} in the table"
            yield Violation("audit equals log", sentence, key[0])
    for change in record.changes:
        if change.application == KEEPER and change.operation == "UPDATE" and change.before != "running":
            sentence = f"job {change.job} was changed while {change.before}"
            yield Violation("audit equals log", sentence, change.job, change.at)


def late_results_against_log(record: Record, attempts: Attempts) -> Iterator[Violation]:
    """What the fence recorded as late is the result of an attempt that had ended, under a claim that was over."""
    held = _held_until(record)
    for late in record.late_results:
        attempt = attempts.get((late.job, late.claim))
        if attempt is None or min(attempt.end, attempt.completing) > late.at + CLOCKS:
            sentence = f"job {late.job}: a late result of claim {late.claim}, whose work had not ended"
            yield Violation("late results equal log", sentence, late.job, late.at)
        elif held.get((late.job, late.claim), FOREVER) > late.at + CLOCKS:
            sentence = f"job {late.job}: the result of claim {late.claim} was dropped while the claim was held"
            yield Violation("late results equal log", sentence, late.job, late.at)


def counters_against_audit(record: Record) -> Iterator[Violation]:
    """What each replica counted is what the audit has of it."""
    audit = Counter(rescue.replica for rescue in record.rescues)
    for name, value in record.counters.items():
        if name.startswith(RESCUES) and value and value not in audit.values():
            sentence = f"{name} is {value:.0f}, and the audit has {dict(audit)}"
            yield Violation("counters equal audit", sentence, None, record.end)
    dropped = sum(value for name, value in record.counters.items() if name.startswith(DROPPED))
    counted = sum(late.counted for late in record.late_results)
    killed = any(trouble.kind == Kind.KILL_REPLICA for trouble in record.troubles)  # what it had counted went with it
    if dropped > counted or (dropped < counted and not killed):
        sentence = f"{dropped:.0f} late results were dropped, and {counted} were counted"
        yield Violation("counters equal audit", sentence, None, record.end)


def report_against_audit(record: Record) -> Iterator[Violation]:
    """`riverkeeper rescue report` has every claim that was taken away, and those as false that the audit calls so."""
    live = [tier for tier in record.report["tiers"] if not tier["dry_run"]]
    report = sum(tier["claims"] for tier in live), sum(tier["false"] for tier in live)
    audit = len(record.rescues), sum(rescue.was_false is True for rescue in record.rescues)
    if report != audit:
        sentence = f"the report has {report[0]} claims and {report[1]} false, the audit {audit[0]} and {audit[1]}"
        yield Violation("report equals audit", sentence, None, record.end)


def false_rescues_against_log(record: Record, attempts: Attempts, evidence: Evidence) -> Iterator[Violation]:
    """Who was dead is called alive only by what it had under way; completed work that came late was taken falsely."""
    for rescue, client, cut_off in called_alive_when_dead(record, attempts, evidence):
        if not cut_off:
            sentence = f"job {rescue.job}: {client} was dead, and the audit says {rescue.old_worker}"
            yield Violation("false rescues equal log", sentence, rescue.job, rescue.at)
    late = {(result.job, result.claim): result for result in record.late_results}
    for rescue in record.rescues:
        result = late.get((rescue.job, rescue.claim))
        completed = result is not None and result.outcome == "completed" and result.at < record.end - FOLLOWED
        if completed and not rescue.was_false:
            sentence = f"job {rescue.job}: its completed work came late, and the rescue is not called false"
            yield Violation("false rescues equal log", sentence, rescue.job, rescue.at)


def called_alive_when_dead(
    record: Record, attempts: Attempts, evidence: Evidence
) -> Iterator[tuple[Rescue, str, bool]]:
    """Rescues whose worker had died before and was called alive; true where its network was cut off when it died.

    A beat or a result that the network holds back is executed when the way is open, whether its process lives or not.
    """
    ends = {process.client: process.end for process in record.processes}
    for rescue in record.rescues:
        attempt = attempts.get((rescue.job, rescue.claim))
        if attempt is None or rescue.old_worker not in {"beat", "finished"}:
            continue
        end = ends[attempt.client]
        if end < rescue.at - STOPPING:
            yield rescue, attempt.client, bool(evidence.between(attempt.client, end - STOPPING, end, CUTS))


def stored_tokens(record: Record) -> Iterator[Violation]:
    """The fencing token never stays in a row; without the fence the first jobs of a process leave theirs there."""
    for final in record.finals:
        if record.fenced and TOKEN in final.metadata:
            yield Violation("no stored token", f"job {final.job} has {final.metadata}", final.job, record.end)


__all__ = ["STARVED", "Findings", "Violation", "check"]
