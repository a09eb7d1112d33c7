"""What the facts about a database, its River and its keeper schema mean, and the fix for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from riverkeeper.brakes.control import Status
from riverkeeper.brakes.heartbeat_path import NOT_VERIFIED
from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Mode
from riverkeeper.doctor.report import CheckFinding, missing, not_yet, ok, problem, warning
from riverkeeper.formats import count_noun, span
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.manual import find_brakes_in_tables
from riverkeeper.river.facts import Leader, PoisonJob, Running
from riverkeeper.river.layout import Layout
from riverkeeper.schema.fence import MISSING, Fence
from riverkeeper.schema.grants import name_in_script
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.schema.sweep import HeartbeatSummary
from riverkeeper.scrape.scrape import QueryOutcome
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.verdict import Reason

OLDEST_TESTED = 140_000  # as Postgres counts its versions
SKEW_SECONDS = 5.0  # ages use the database's clock only; a larger difference misleads a reader who compares logs
LARGE_BYTES = 1 << 20  # below this size the planner's guess is near enough
FETCHING = ("state", "queue", "priority", "scheduled_at")
FINALIZED = ("state", "finalized_at")
MISSING_TABLES = {
    "river_queue": "paused queues are not shown",
    "river_leader": "River's leader is not shown",
    "river_migration": "River's version is not shown",
}
ADD_CLIENT = "add the heartbeat client to your workers: docs/quickstart.md, step 5"
GO_LIVE = "set rescue: {mode: live} in its configuration (docs/rescues.md#from-dry-run-to-live)"
_MISSED_BEATS = {Reason.WORKER_LOST, Reason.PATH_UNVERIFIED, Reason.BEATS_MISSING}


@dataclass(frozen=True, slots=True)
class TableUpkeep:
    """Statistics, size and indexes of the job table."""

    analyzed: bool
    bytes: int
    indexes: tuple[tuple[str, ...], ...]  # leading columns of each usable index


def on_ignored_parameters(parameters: Sequence[str]) -> Iterator[CheckFinding]:
    """`parameters`: those of the database URL that only other drivers know."""
    if parameters:
        yield ok("url", f"Riverkeeper ignores these parameters of the database URL: {', '.join(parameters)}")


def on_server(version: int, database: str, *, standby: bool, skew: float) -> Iterator[CheckFinding]:
    """`version` as in server_version_num; `skew`: seconds that this machine's clock is ahead of the database's."""
    server = f'database "{database}", PostgreSQL {version // 10_000}.{version % 10_000}'
    if version < OLDEST_TESTED:
        yield warning(
            "server", f"{server}: Riverkeeper is not tested with a version this old", "upgrade to 14 or newer"
        )
    else:
        yield ok("server", server)
    if standby:
        yield warning(
            "server",
            "this server is a standby: River's leader is not shown, and finished jobs are counted in memory",
            "point Riverkeeper at the primary",
        )
    if abs(skew) > SKEW_SECONDS:
        yield warning(
            "clock", f"the clock of this machine and the database's differ by {skew:+.1f} s", "run NTP on both"
        )
    else:
        yield ok("clock", f"the clocks of this machine and of the database differ by {abs(skew):.3f} s")


def on_replay(lag: float | None) -> Iterator[CheckFinding]:
    """`lag`: how old the data of a standby is, in seconds; None on a primary."""
    if lag is not None and lag > SKEW_SECONDS:
        message = f"the data of this standby is {lag:.0f} s old, and newer changes of the primary are not shown"
        yield problem("standby", message, "point Riverkeeper at the primary, or check pg_is_wal_replay_paused()")


def on_river(layout: Layout, migrations: Mapping[str, int] | None) -> Iterator[CheckFinding]:
    """`migrations`: line -> version."""
    lines = ", ".join(f"{line} {version}" for line, version in (migrations or {}).items())
    yield ok("river", f'River in schema "{layout.schema}"{f", migrations {lines}" if lines else ""}')
    for table, consequence in MISSING_TABLES.items():
        if not layout.has(table):
            yield warning("river", f"there is no table {table}: {consequence}", "run River's migrations")


def on_keeper_schema(keeper: KeeperSchema | DatabaseError, grant: str, *, standby: bool) -> Iterator[CheckFinding]:
    """`grant`: what gives this login the rights that it lacks."""
    topic, in_memory = "keeper schema", "finished jobs are counted in memory, from the start of each process"
    if isinstance(keeper, DatabaseError):
        yield problem(topic, keeper.message, keeper.fix)
    elif not keeper.installed:
        yield missing(topic, f'"{keeper.name}" is not installed: {in_memory}', "riverkeeper schema install")
    elif not keeper.writable and not standby:
        yield missing(topic, f'this login may not write "{keeper.name}": {in_memory}', grant)
    elif keeper.heartbeat is None and not keeper.outdated:
        message = f'this login may not read the heartbeats in "{keeper.name}": only metadata.health_check_at counts'
        yield missing(topic, message, grant)
    elif keeper.outdated:
        message = f'"{keeper.name}" has version {keeper.version}, which is older than this Riverkeeper'
        yield warning(topic, message, "riverkeeper schema install")
    else:
        yield ok(topic, f'"{keeper.name}" is installed, version {keeper.version}')


def on_fence(fence: Fence) -> Iterator[CheckFinding]:
    """A fence that was never installed is missing; a broken fence is a problem."""
    never_installed = all(trigger.state == MISSING for trigger in fence.triggers)
    if fence.in_force:
        yield ok("fence", fence.message)
    else:
        level = missing if never_installed else problem
        yield level("fence", f"{fence.message}; a late result may end the next attempt of its job", fence.fix)


def on_rescuer(*, may_rescue: bool, live: bool, grant: str) -> Iterator[CheckFinding]:
    """Of a login that may write the keeper schema. `grant`: what lets this login rescue."""
    if may_rescue:
        yield ok("rescuer", "this login may rescue stuck jobs and verify the heartbeat path")
    elif live:
        message = "the mode is live, and this login may not rescue: this replica never becomes the active one"
        yield problem("rescuer", message, grant)
    else:
        yield ok("rescuer", "this login may make dry runs and verify the heartbeat path; it may not change jobs")


def on_leader(leader: Leader | None, now: float, *, started: bool) -> Iterator[CheckFinding]:
    """`started`: a River client has worked a queue here before."""
    fix = "start a River client; without a leader River schedules, rescues and deletes no job"
    if leader is None and not started:
        yield not_yet("leader", "no River client has worked a queue yet, so none is the leader", "start a worker")
    elif leader is None:
        yield problem("leader", "no River client is the leader", fix)
    elif leader.expires_at < now:
        ago = span(now - leader.expires_at)
        yield problem("leader", f"no River client is the leader: {leader.leader_id} was, until {ago} ago", fix)
    else:
        yield ok("leader", f"{leader.leader_id} has been River's leader for {span(now - leader.elected_at)}")


def on_beats(running: Running, beats: HeartbeatSummary | None, now: float, late: int = 0) -> Iterator[CheckFinding]:
    """`late`: jobs whose heartbeats have stopped."""
    jobs, beating = sum(pair.jobs for pair in running.pairs), sum(pair.beating for pair in running.pairs) - late
    clients = beats.beating_clients if beats else 0
    message = f"{beating} of {count_noun(jobs, 'running job')} beat" if jobs else "no job is running"
    message += f", {_describe_clients(beats, now)}" if beats else ""
    if late:
        level = warning if clients else problem
        yield level("beats", f"{message}; the heartbeats of {late} have stopped", "riverkeeper stuck")
    elif beating or clients or not (jobs or beats):
        yield ok("beats", message)
    elif beats and beats.last_beat_at is not None:
        yield missing("beats", message, "start a worker")
    else:
        unknown = ": it is unknown whether their workers are alive" if jobs else ""
        yield missing("beats", f"{message}{unknown}", ADD_CLIENT)
    if running.unreadable_beats:
        fix = "write RFC 3339 with a time zone, during the present claim, from a correct clock"
        affected = count_noun(running.unreadable_beats, "job")
        yield warning("beats", f"metadata.health_check_at of {affected} does not count: its value is not valid", fix)
    if running.unread:
        message = f"the metadata of {count_noun(running.unread, 'job')} is too large to read"
        yield warning("beats", message, "keep data in args")


def _describe_clients(beats: HeartbeatSummary, now: float) -> str:
    if beats.beating_clients:
        return f"{beats.beating_clients} worker process{'es beat' if beats.beating_clients > 1 else ' beats'}"
    last = "" if beats.last_beat_at is None else f" (the last one did {span(now - beats.last_beat_at)} ago)"
    return f"no worker process beats{last}"


def count_stopped(suspects: Suspects) -> int:
    """How many jobs have beaten before, and do not now."""
    return sum(
        job.job.beat is not None and (job.verdict.underlying or job.verdict.reason) in _MISSED_BEATS
        for job in (*suspects.stuck, *suspects.suspected)
    )


def on_verdicts(suspects: Suspects) -> Iterator[CheckFinding]:
    """Stuck and suspected jobs."""
    for jobs, level, state in (
        (suspects.suspected, problem, "may be stuck, but there is no proof"),
        (suspects.stuck, warning, "are stuck"),
    ):
        if jobs:
            reasons = Counter(job.verdict.reason.value for job in jobs)
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            more = "" if suspects.complete else " or more"
            yield level("verdicts", f"{len(jobs)}{more} running jobs {state}: {counts}", "riverkeeper stuck")


def on_rescue(status: Status, patience: float, path_ok_since: float | None) -> Iterator[CheckFinding]:
    """Whether a rescuer is at work. `path_ok_since`: since when the heartbeat path is verified; None: it is not."""
    if not status.is_at_work(patience):
        ago = None if status.active_at is None else span(status.now - status.active_at)
        was = f": {status.active_replica} was the last one, until {ago} ago" if ago else ""
        yield missing("rescue", f"no Riverkeeper is at work{was}", "riverkeeper serve")
        return
    held = [*_on_brakes(status), *_on_path(status, path_ok_since)]
    yield from held
    live, dry = (
        ", ".join(tier for tier, mode in status.modes.items() if (mode is Mode.LIVE) is is_live)
        for is_live in (True, False)
    )
    if not live:
        message = f"{status.active_replica} only records what it would rescue (mode dry_run or disabled in every tier)"
        yield not_yet("rescue", message, GO_LIVE)
    elif not held:
        message = f"{status.active_replica} rescues jobs of the {'tiers' if ',' in live else 'tier'} {live}"
        yield ok("rescue", f"{message}{f', and none of {dry}' if dry else ''}")


def _on_brakes(status: Status) -> Iterator[CheckFinding]:
    """A pause is an operator's act; the other brakes are released by themselves."""
    if status.grace_left:
        message = f"{status.active_replica} has just started: rescues begin in {status.grace_left:.0f} s (rescue.grace)"
        yield not_yet("rescue", message, "run this check again then")
    for brake, sentence in find_brakes_in_tables(status).items():
        if brake is Brake.KILL_SWITCH:
            yield problem("rescue", f"no job is rescued: {sentence.partition(' (')[0]}", "riverkeeper rescue resume")
        else:
            yield not_yet("rescue", f"no job is rescued now: {brake}: {sentence}", "riverkeeper rescue status")


def _on_path(status: Status, path_ok_since: float | None) -> Iterator[CheckFinding]:
    if path_ok_since is not None:
        return
    if status.path_ok_since is None and status.path_why:
        fix = "start a worker that beats; if all workers are gone for good: riverkeeper rescue release mass_silence"
        yield problem("heartbeat path", f"missed heartbeats do not count: {status.path_why}", fix)
    else:
        message = f"missed heartbeats do not count yet: {NOT_VERIFIED}"
        yield not_yet("heartbeat path", message, "run this check again after some seconds; then see the log of serve")


def on_poison(jobs: Sequence[PoisonJob], schema: str, *, more: bool) -> Iterator[CheckFinding]:
    """`more`: there are more such jobs than `jobs`."""
    if not jobs:
        yield ok("poison", "no running job stops River's own rescuer")
    for job in jobs:
        wrong = ", ".join(job.faults)
        message = f"job {job.id} ({job.kind} in {job.queue}) stops River's own rescuer for every job: {wrong} is wrong"
        yield problem("poison", message, _repair(job, schema))
    if more:
        yield problem("poison", "there are more such jobs", "fix these first, then run the check again")


def _repair(job: PoisonJob, schema: str) -> str:
    metadata = "'{}'" if "metadata" in job.faults else "metadata"
    if "river:rescue_count" in job.faults:
        metadata += " - 'river:rescue_count'"
    if "cancel_attempted_at" in job.faults:  # the job stays cancelled
        metadata += " || jsonb_build_object('cancel_attempted_at', now())"
    where = f"WHERE id = {job.id} AND state = 'running'"
    return f"UPDATE {name_in_script(schema)}.river_job SET metadata = {metadata} {where};"  # noqa: S608 - printed


def on_upkeep(upkeep: TableUpkeep, schema: str) -> Iterator[CheckFinding]:
    table = f"{name_in_script(schema)}.river_job"
    if upkeep.analyzed or upkeep.bytes < LARGE_BYTES:
        yield ok("statistics", "the planner knows the job table")
    else:
        message = "the job table was never analyzed: the lengths of long queues are estimates, wrong by up to a third"
        yield warning("statistics", message, f"ANALYZE {table};")
    for index, columns, more in (
        ("river_job_prioritized_fetching_index", FETCHING, ", id"),
        ("river_job_state_and_finalized_at_index", FINALIZED, ""),
    ):
        if any(leading[: len(columns)] == columns for leading in upkeep.indexes):
            yield ok("indexes", f"{index} exists")
        else:
            message = f"{index} is missing: a scrape reads the whole table, and River is slow too"
            yield problem(
                "indexes", message, f"CREATE INDEX CONCURRENTLY {index} ON {table} ({', '.join(columns)}{more});"
            )


def on_user_triggers(functions: Mapping[str, str]) -> Iterator[CheckFinding]:
    """Trigger -> function, of triggers whose function sets no search_path."""
    for trigger, function in functions.items():
        yield warning(
            "triggers",
            f"trigger {trigger} on river_job runs {function}, which sets no search_path: in a rescue the search_path is"
            " pg_catalog, so the function fails where it names a table without its schema",
            f"ALTER FUNCTION {function} SET search_path FROM CURRENT;  -- after SET search_path as the workers have it",
        )


def on_failed_queries(outcomes: Sequence[QueryOutcome], *, rights_missing: bool) -> Iterator[CheckFinding]:
    """`rights_missing`: another finding reports the missing rights already."""
    for outcome in outcomes:
        if outcome.error and not (rights_missing and f"({ErrorKind.FORBIDDEN}:" in outcome.error):
            yield problem("queries", f"{outcome.name}: {outcome.error}")
