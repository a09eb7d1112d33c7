"""The job tables that are measured: rows by generate_series, as River would have left them."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000
HOUR = "interval '1 hour'"
# As long as the arguments of real jobs are: 150 bytes.
ARGS = "jsonb_build_object('customer', i %% 1000, 'text', repeat('x', 110))"
ERRORS = """array_fill('{"at": "2026-11-01T00:00:00Z", "attempt": 1, "error": "boom", "trace": ""}'::jsonb, ARRAY[3])"""
BEATS = """jsonb_build_object('health_check_at',
    to_char(now() AT TIME ZONE 'UTC' - random() * interval '40 s', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))"""


@dataclass(frozen=True, slots=True)
class Rows:
    """One sort of rows. The texts are SQL over `i`, from 1 to `number`, and `share`, from 0 to 1."""

    number: int
    state: str
    queue: str = "'queue_' || i %% 8"
    kind: str = "'kind_' || i %% 60"
    priority: str = "1 + i / 7 %% 4"
    claimed: bool = True
    scheduled_at: str = f"now() - {HOUR} * (2 - share)"
    finalized_at: str = "NULL"
    errors: str = "NULL"
    metadata: str = "'{}'::jsonb"
    client: str = "i %% 200"  # the number of its host

    def insert(self) -> str:
        """Inserts the rows from %(first)s to %(last)s of %(number)s."""
        attempted_at = f"coalesce(({self.finalized_at})::timestamptz - {HOUR} / 900, now() - random() * {HOUR})"
        return f"""INSERT INTO river_job (state, attempt, max_attempts, attempted_at, created_at, finalized_at,
                scheduled_at, priority, args, attempted_by, errors, kind, metadata, queue)
            SELECT ({self.state})::river_job_state, {int(self.claimed)}, 25, {attempted_at if self.claimed else "NULL"},
                now() - {HOUR} * 30, ({self.finalized_at})::timestamptz, {self.scheduled_at}, {self.priority}, {ARGS},
                {f"ARRAY['host-' || {self.client}]" if self.claimed else "NULL"}, ({self.errors})::jsonb[],
                {self.kind}, {self.metadata}, {self.queue}
            FROM (SELECT i, i / %(number)s::double precision AS share
                FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i) AS numbered"""  # noqa: S608 - our own texts


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its rows in the order in which they were inserted."""

    name: str
    title: str
    rows: tuple[Rows, ...]
    beating: bool = False  # every running job has a row in the heartbeat table


def waiting(number: int, queue: str = "'queue_' || i %% 8", priority: str = "1 + i / 7 %% 4") -> Rows:
    """Jobs that are due and never ran."""
    return Rows(number, "'available'", queue, priority=priority, claimed=False)


def finished(number: int, queues: int = 8, kinds: int = 60) -> Rows:
    """What finished in a day, until an hour ago."""
    at = f"now() - {HOUR} * (25 - 24 * share)"
    due = f"{at} - {HOUR} / 600"
    queue, kind = f"'queue_' || i %% {queues}", f"'kind_' || i %% {kinds}"
    return Rows(number, _FINAL, queue, kind, scheduled_at=due, finalized_at=at)


def running(metadata: str = "'{}'::jsonb") -> Rows:
    """100,000 running jobs of 200 clients."""
    return Rows(100_000, "'running'", "'queue_' || i %% 20", "'kind_' || i %% 100", metadata=metadata)


def running_scattered(metadata: str) -> Rows:
    """The same, each beside four finished ones in the pages of the table."""
    at = f"now() - {HOUR} * (25 - 24 * share)"
    return Rows(
        500_000,
        "CASE WHEN i %% 5 > 0 THEN 'completed' ELSE 'running' END",
        queue="'queue_' || i / 5 %% 20",
        kind="'kind_' || i / 5 %% 100",
        finalized_at=f"CASE WHEN i %% 5 > 0 THEN {at} END",
        metadata=metadata,
    )


def in_all_queues(number: int, state: str, *, claimed: bool) -> Rows:
    """Jobs of 2,000 kinds in 50 queues: each of the hundred thousand pairs in turn."""
    return Rows(number, f"'{state}'", "'queue_' || i %% 50", "'kind_' || i / 50 %% 2000", claimed=claimed)


_FINAL = "CASE WHEN i %% 50 = 0 THEN 'discarded' WHEN i %% 99 = 0 THEN 'cancelled' ELSE 'completed' END"
# The same in every table, because what finishes now costs by its rate: one job a second for the last hour.
JUST_FINISHED = Rows(3_600, _FINAL, finalized_at=f"now() - {HOUR} * (1 - share)")
LIVE = (waiting(10_000), Rows(1_000, "'running'"))
# Queue 0 holds a fifth of the jobs, queue 19 a fortieth; in the first ones nearly all have priority 4.
_EVEN = "(i * 0.6180339887 - floor(i * 0.6180339887))"  # from 0 to 1, without chance
SKEWED = waiting(
    5 * MILLION,
    queue=f"'queue_' || floor(20 * {_EVEN} ^ 2)",
    priority=f"CASE WHEN {_EVEN} < 0.5 AND i %% 10 > 0 THEN 4 ELSE 1 + i %% 4 END",
)

SHAPES = (
    Shape("e", "10 k available, 1 k running, no history", (*LIVE, JUST_FINISHED)),
    Shape("a", "10 M finished, 10 k available, 1 k running", (finished(10 * MILLION), *LIVE, JUST_FINISHED)),
    Shape("b", "5 M available, 20 queues, 4 priorities", (SKEWED, JUST_FINISHED)),
    Shape("c", "100 k running", (running(), JUST_FINISHED)),
    Shape("c+", "100 k running, all of them beat", (running(BEATS), JUST_FINISHED)),
    Shape("ct", "100 k running, all of them beat in the table", (running(), JUST_FINISHED), beating=True),
    Shape("c++", "the same, among 400 k finished", (running_scattered(BEATS), JUST_FINISHED)),
    Shape(
        "d",
        "2,000 kinds in 50 queues",
        (
            finished(500_000, 50, 2000),
            in_all_queues(100_000, "available", claimed=False),
            in_all_queues(50_000, "scheduled", claimed=False),
            in_all_queues(20_000, "retryable", claimed=True),
            in_all_queues(10_000, "running", claimed=True),
            JUST_FINISHED,
        ),
    ),
    Shape(
        "f",
        "1 M retryable, all with errors",
        (Rows(MILLION, "'retryable'", scheduled_at=f"now() + {HOUR} * share", errors=ERRORS), JUST_FINISHED),
    ),
    Shape(
        "g",
        "1 M available in 2 queues, beside 4 M finished in 20",
        (finished(4 * MILLION, 20), waiting(MILLION, queue="'queue_' || i %% 2", priority="1"), JUST_FINISHED),
    ),
)
