"""What the facts about a River and its keeper mean, and what to do about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from riverkeeper.brakes.heartbeat_path import NOBODY_VERIFIES
from riverkeeper.doctor.report import Finding, ok, problem, warning
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.facts import Leader, Running
from riverkeeper.river.layout import Layout
from riverkeeper.schema.fence import MISSING, Fence
from riverkeeper.schema.grants import name_in_script
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.schema.sweep import Heard
from riverkeeper.scrape.scrape import QueryOutcome
from riverkeeper.verdict.suspects import Suspects

OLDEST_TESTED = 140_000  # as Postgres counts its versions
SKEW_SECONDS = 5.0  # ages on the page are the database's; only a person comparing logs is misled by less
LARGE_BYTES = 1 << 20  # below this the planner cannot be far off
FETCHING = ("state", "queue", "priority", "scheduled_at")
FINALIZED = ("state", "finalized_at")
MISSING_TABLES = {
    "river_queue": "paused queues are not shown",
    "river_leader": "whether anybody leads is not shown",
    "river_migration": "River's version is not shown",
}


@dataclass(frozen=True, slots=True)
class Poison:
    """A running job that stops River's own rescuer."""

    id: int
    queue: str
    kind: str
    faults: tuple[str, ...]  # metadata keys, or `metadata` itself


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How the job table is kept: leading columns of each usable index."""

    analyzed: bool
    bytes: int
    indexes: tuple[tuple[str, ...], ...]


def replay(lag: float | None) -> Iterator[Finding]:
    """Of a standby; a lag says nothing of the present."""
    if lag is not None and lag > SKEW_SECONDS:
        what = f"the data of this standby is {lag:.0f} s old: what happened since on the primary cannot be seen here"
        yield problem("standby", what, "point Riverkeeper at the primary, or see pg_is_wal_replay_paused()")


def server(version: int, database: str, *, standby: bool, skew: float) -> Iterator[Finding]:
    said = f'database "{database}", PostgreSQL {version // 10_000}.{version % 10_000}'
    if version < OLDEST_TESTED:
        yield warning("server", f"{said}: older than any that Riverkeeper is tested with", "upgrade to 14 or newer")
    else:
        yield ok("server", said)
    if standby:
        yield warning(
            "server",
            "a standby: River's leader cannot be seen here, and finished jobs are counted in memory",
            "point the keeper at the primary",
        )
    if abs(skew) > SKEW_SECONDS:
        yield warning("clock", f"this clock is {skew:+.1f} s off the database's", "run NTP on both")
    else:
        yield ok("clock", f"this clock and the database's differ by {abs(skew):.3f} s")


def ignored(parameters: Sequence[str]) -> Iterator[Finding]:
    if parameters:
        yield ok("url", f"the database URL's {', '.join(parameters)} is ignored here: it is for other drivers")


def river(layout: Layout, migrations: dict[str, int] | None) -> Iterator[Finding]:
    lines = ", ".join(f"{line} {version}" for line, version in (migrations or {}).items())
    yield ok("river", f'River in schema "{layout.schema}"{f", migrations {lines}" if lines else ""}')
    for table, means in MISSING_TABLES.items():
        if not layout.has(table):
            yield warning("river", f"there is no table {table}: {means}", "run River's migrations")


def keeper(found: KeeperSchema | DatabaseError, fix: str, *, standby: bool) -> Iterator[Finding]:
    """`fix`: what gives this login the rights that it lacks."""
    topic, in_memory = "keeper schema", "finished jobs are counted in memory, from the start of each process"
    if isinstance(found, DatabaseError):
        yield problem(topic, found.message, found.fix)
    elif not found.installed:
        yield warning(topic, f'"{found.name}" is not installed: {in_memory}', "riverkeeper schema install")
    elif not found.writable and not standby:
        yield warning(topic, f'"{found.name}" may not be written: {in_memory}', fix)
    elif found.heartbeat is None and not found.outdated:
        said = f'the heartbeats in "{found.name}" may not be read: only metadata.health_check_at counts as a beat'
        yield warning(topic, said, fix)
    elif found.outdated:
        yield warning(
            topic, f'"{found.name}" is older than this keeper: version {found.version}', "riverkeeper schema install"
        )
    else:
        yield ok(topic, f'"{found.name}" is installed, version {found.version}')


def fence(found: Fence) -> Iterator[Finding]:
    """A fence that was put there and is broken is a problem; one that was never wanted, a warning."""
    if found.in_force:
        yield ok("fence", found.message)
    elif all(trigger.state == MISSING for trigger in found.triggers):
        yield warning("fence", f"{found.message}; a late result may end the next attempt of its job", found.fix)
    else:
        yield problem("fence", f"{found.message}; a late result may end the next attempt of its job", found.fix)


def rescuer(*, may_rescue: bool, live: bool, fix: str) -> Iterator[Finding]:
    """Of a keeper that may write its own schema; else that is what is said."""
    if may_rescue:
        yield ok("rescuer", "this login may rescue stuck jobs, and prove that beats get through")
    elif live:
        said = "the mode is live, and this login may not rescue: it does nothing, and leaves the turn to others"
        yield problem("rescuer", said, fix)
    else:
        yield ok("rescuer", "this login may make dry runs and prove that beats get through; it may change no job")


def leader(found: Leader | None, now: float) -> Iterator[Finding]:
    fix = "start a River client; without a leader nothing is scheduled, rescued or cleaned"
    if found is None:
        yield problem("leader", "no client leads", fix)
    elif found.expires_at < now:
        yield problem("leader", f"no client leads: {found.leader_id} did until {now - found.expires_at:.0f} s ago", fix)
    else:
        yield ok("leader", f"{found.leader_id} leads since {now - found.elected_at:.0f} s")


def beats(running: Running, heard: Heard | None, late: int = 0) -> Iterator[Finding]:
    """`late`: of those that have beaten, those whose heartbeats stopped."""
    jobs, beating = sum(pair.jobs for pair in running.pairs), sum(pair.beating for pair in running.pairs) - late
    processes = f", {heard.beating_clients} worker processes" if heard else ""
    said = f"{beating} of {jobs} running jobs beat{processes}"
    if late:
        said = f"{said}; the heartbeats of {late} have stopped"
        yield warning("beats", said, "riverkeeper stuck")
    elif jobs and not beating:
        yield warning("beats", f"{said}: whether they live is not known", "let workers beat: clients/CONTRACT.md")
    else:
        yield ok("beats", said if jobs else f"nothing is running{processes and f'; {processes[2:]} beat'}")
    if running.unreadable_beats:
        fix = "write RFC 3339 with a zone, of the present claim, by a clock that is right"
        yield warning("beats", f"{running.unreadable_beats} have a metadata.health_check_at that does not count", fix)
    if running.unread:
        yield warning("beats", f"{running.unread} have metadata too large to look into", "keep data in args")


def verdicts(found: Suspects, unverified: str | None) -> Iterator[Finding]:
    """What is stuck, and what may be. `unverified`: why the heartbeat path is not; None where nothing waits for it."""
    if unverified == NOBODY_VERIFIES:
        yield warning("heartbeat path", f"missed heartbeats do not count: {unverified}", "run riverkeeper serve")
    elif unverified:
        fix = "start one worker that beats; if they are gone for good: riverkeeper rescue release mass_silence"
        yield problem("heartbeat path", f"missed heartbeats do not count: {unverified}", fix)
    for jobs, level, what in (
        (found.suspected, problem, "may be stuck, and it cannot be proven"),
        (found.stuck, warning, "are stuck"),
    ):
        if jobs:
            reasons = Counter(one.verdict.reason.value for one in jobs)
            told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            more = "" if found.complete else " or more"
            yield level("verdicts", f"{len(jobs)}{more} running jobs {what}: {told}", "riverkeeper stuck")


def poison(jobs: Sequence[Poison], schema: str, *, more: bool) -> Iterator[Finding]:
    if not jobs:
        yield ok("poison", "no running job stops River's own rescuer")
    for job in jobs:
        wrong = ", ".join(job.faults)
        said = f"job {job.id} ({job.kind} in {job.queue}) stops River's own rescuer for every job: {wrong} is wrong"
        yield problem("poison", said, _mended(job, schema))
    if more:
        yield problem("poison", "there are more like these", "mend these first, then check again")


def _mended(job: Poison, schema: str) -> str:
    metadata = "'{}'" if "metadata" in job.faults else "metadata"
    if "river:rescue_count" in job.faults:
        metadata += " - 'river:rescue_count'"
    if "cancel_attempted_at" in job.faults:  # it stays cancelled
        metadata += " || jsonb_build_object('cancel_attempted_at', now())"
    where = f"WHERE id = {job.id} AND state = 'running'"
    return f"UPDATE {name_in_script(schema)}.river_job SET metadata = {metadata} {where};"  # noqa: S608 - printed


def upkeep(found: Upkeep, schema: str) -> Iterator[Finding]:
    table = f"{name_in_script(schema)}.river_job"
    if found.analyzed or found.bytes < LARGE_BYTES:
        yield ok("statistics", "the planner knows the job table")
    else:
        yield warning(
            "statistics",
            "the job table was never analyzed: long queues are estimated by a sample, good to a third",
            f"ANALYZE {table};",
        )
    columns = "CREATE INDEX CONCURRENTLY {} ON " + table + " ({});"
    for index, wanted, more in (
        ("river_job_prioritized_fetching_index", FETCHING, ", id"),
        ("river_job_state_and_finalized_at_index", FINALIZED, ""),
    ):
        if any(there[: len(wanted)] == wanted for there in found.indexes):
            yield ok("indexes", f"{index} is there")
        else:
            what = f"{index} is missing: a scrape reads the whole table, and River fetches slowly"
            yield problem("indexes", what, columns.format(index, ", ".join(wanted) + more))


def user_triggers(found: Mapping[str, str]) -> Iterator[Finding]:
    """Trigger -> function. A rescue runs them under a search_path of PostgreSQL's own names alone."""
    for trigger, function in found.items():
        yield warning(
            "triggers",
            f"trigger {trigger} on river_job runs {function}, which sets no search_path: a rescue runs it with"
            " PostgreSQL's own names alone, and fails where the function names a table without its schema",
            f"ALTER FUNCTION {function} SET search_path FROM CURRENT;  -- after SET search_path as the workers have it",
        )


def failures(outcomes: Sequence[QueryOutcome], *, rights_missing: bool) -> Iterator[Finding]:
    """Questions that failed, but for want of a right that was named already."""
    for outcome in outcomes:
        if outcome.error and not (rights_missing and f"({ErrorKind.FORBIDDEN}:" in outcome.error):
            yield problem("questions", f"{outcome.name}: {outcome.error}")
