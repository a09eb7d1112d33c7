"""What plain SQL says of the tables: whole-table reads with GROUP BY, to hold the metrics page against.

Each statement gives label columns by their names, then the value. `moment` is the database's time of the reading.
"""

from __future__ import annotations

from collections.abc import Mapping

from database.scraped import Labels
from riverkeeper.postgres.connection import Session

TABLES = """
WITH job AS (
    SELECT
        j.id, j.queue, j.kind, j.state::text AS state, j.priority::text AS priority, j.attempt, j.max_attempts,
        j.scheduled_at, j.finalized_at, j.attempted_by[cardinality(j.attempted_by)] AS client,
        CASE WHEN isfinite(j.attempted_at) THEN j.attempted_at END AS claimed_at,
        coalesce(cardinality(j.errors), 0) > 0 AS failed,
        t.cancel, t.poison, t.unread, t.beat_is_text,
        CASE WHEN isfinite(j.attempted_at) AND t.beat_at >= j.attempted_at
            AND t.beat_at <= to_timestamp(%(moment)s) + interval '5 minutes'
            THEN least(t.beat_at, to_timestamp(%(moment)s)) END AS told_at,
        CASE WHEN h.id IS NOT NULL THEN least(h.row_beat_at, to_timestamp(%(moment)s)) END AS row_beat_at,
        h.beat_interval, h.lease, coalesce(h.is_over, false) AS is_over, h.progress_at, h.gave_up_at,
        to_timestamp(%(moment)s) AS now
    FROM river_job AS j
    JOIN told AS t USING (id)
    LEFT JOIN heard AS h USING (id)
),
live AS (SELECT * FROM job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')),
ready AS (SELECT * FROM live WHERE state = 'available' AND scheduled_at <= now),
running AS (SELECT *, greatest(told_at, row_beat_at) AS beat_at FROM live WHERE state = 'running'),
awaited AS (SELECT * FROM running WHERE beat_at IS NOT NULL AND NOT is_over),
finished AS (SELECT * FROM job WHERE finalized_at IS NOT NULL)
"""

# The page may also show a zero where SQL has no row: for a known queue or kind that holds nothing now.
COUNTS = {
    "river_jobs": "SELECT queue, state, count(*) FROM live GROUP BY 1, 2",
    "river_jobs_by_kind": "SELECT queue, kind, state, count(*) FROM live GROUP BY 1, 2, 3",
    "river_jobs_ready": "SELECT queue, priority, count(*) FROM ready GROUP BY 1, 2",
    "river_jobs_overdue": """SELECT queue, state, count(*) FROM live
        WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= now - interval '30 seconds' GROUP BY 1, 2""",
    "river_jobs_failing": "SELECT queue, kind, count(*) FROM live WHERE failed GROUP BY 1, 2",
    "river_jobs_last_attempt": """SELECT queue, kind, count(*) FROM live
        WHERE max_attempts <= CASE state WHEN 'running' THEN attempt ELSE attempt + 1 END GROUP BY 1, 2""",
    "river_jobs_beating": "SELECT queue, kind, count(*) FROM running WHERE beat_at IS NOT NULL GROUP BY 1, 2",
    "river_jobs_unknown": "SELECT queue, kind, count(*) FROM running WHERE beat_at IS NULL GROUP BY 1, 2",
    "river_jobs_cancel_pending": "SELECT queue, kind, count(*) FROM running WHERE cancel GROUP BY 1, 2",
    "river_rescuer_poison_jobs": "SELECT count(*) FROM running WHERE poison",
    "river_queue_busy_clients": "SELECT queue, count(DISTINCT client) FROM running GROUP BY 1",
}

# The page shows these and no other.
VALUES = {
    "river_up": "SELECT 1",
    "river_job_oldest_ready_timestamp_seconds": """SELECT queue, priority, extract(epoch FROM min(scheduled_at))
        FROM ready GROUP BY 1, 2""",
    "river_job_oldest_running_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM min(claimed_at))
        FROM running WHERE claimed_at IS NOT NULL GROUP BY 1, 2""",
    "river_job_oldest_heartbeat_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM min(beat_at))
        FROM awaited GROUP BY 1, 2""",
    "river_job_oldest_progress_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM min(progress_at))
        FROM awaited WHERE progress_at IS NOT NULL GROUP BY 1, 2""",
    "river_oldest_finalized_timestamp_seconds": """SELECT state, extract(epoch FROM min(finalized_at))
        FROM finished GROUP BY 1""",
    "river_job_last_finished_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM max(finalized_at))
        FROM finished GROUP BY 1, 2""",
    # Of finished jobs those of the first look back, where the claim was not before the job was due.
    "river_queue_last_claim_timestamp_seconds": """SELECT queue, extract(epoch FROM max(claimed_at)) FROM job
        WHERE claimed_at IS NOT NULL AND (finalized_at IS NULL
            OR finalized_at > now - interval '1 hour' AND claimed_at >= scheduled_at) GROUP BY 1""",
    "river_queue_paused": "SELECT name AS queue, (paused_at IS NOT NULL)::integer FROM river_queue",
    "river_queue_updated_timestamp_seconds": "SELECT name AS queue, extract(epoch FROM updated_at) FROM river_queue",
    "river_leader_elected_timestamp_seconds": "SELECT extract(epoch FROM elected_at) FROM river_leader",
    "river_leader_expires_timestamp_seconds": "SELECT extract(epoch FROM expires_at) FROM river_leader",
    "river_migration_version": "SELECT line, max(version) FROM river_migration GROUP BY 1",
    "river_table_bytes": """SELECT relname::text AS "table", pg_total_relation_size(oid)
        FROM pg_class WHERE oid IN ('river_job'::regclass, to_regclass('riverkeeper.heartbeat'))""",
    "river_table_dead_rows": """SELECT relname::text AS "table", n_dead_tup
        FROM pg_stat_all_tables WHERE relid IN ('river_job'::regclass, to_regclass('riverkeeper.heartbeat'))""",
    "river_table_live_rows": """SELECT relname::text AS "table", n_live_tup
        FROM pg_stat_all_tables WHERE relid IN ('river_job'::regclass, to_regclass('riverkeeper.heartbeat'))""",
}

# Histograms: every single value in them.
SPREADS = {
    "river_job_running_age_seconds": """SELECT queue, greatest(0, extract(epoch FROM now - claimed_at))
        FROM running WHERE claimed_at IS NOT NULL""",
    "river_job_heartbeat_age_seconds": """SELECT queue, extract(epoch FROM now - beat_at)
        FROM awaited""",
}

# The fields of a RunningPair, in their order.
PAIRS = """SELECT
    queue, kind, priority::integer AS priority, count(*) AS jobs, count(beat_at) AS beating,
    count(*) FILTER (WHERE failed) AS failing, count(*) FILTER (WHERE attempt >= max_attempts) AS last_attempt,
    count(*) FILTER (WHERE cancel) AS cancel_pending, min(claimed_at) AS oldest_claim, max(claimed_at) AS last_claim,
    min(beat_at) FILTER (WHERE NOT is_over) AS oldest_beat,
    min(progress_at) FILTER (WHERE NOT is_over) AS oldest_progress,
    min(claimed_at) FILTER (WHERE beat_at IS NULL) AS oldest_unbeaten,
    greatest(max(beat_interval), max(CASE WHEN row_beat_at IS NULL AND told_at IS NOT NULL THEN interval '30 s' END))
        AS longest_interval,
    max(lease) AS longest_lease,
    min(gave_up_at) AS oldest_given_up,
    count(*) FILTER (WHERE row_beat_at IS NULL AND told_at IS NOT NULL) AS undeclared
FROM running GROUP BY 1, 2, 3"""

NOT_LOOKED_INTO = """SELECT count(*) FILTER (WHERE beat_is_text AND told_at IS NULL) AS unreadable_beats,
    count(*) FILTER (WHERE unread) AS unread FROM running"""


def told(sql: Session, statement: str, moment: float) -> dict[Labels, float]:
    """Labels -> value of a statement of COUNTS or VALUES."""
    return {labels: values[0] for labels, values in spread(sql, statement, moment).items()}


def spread(sql: Session, statement: str, moment: float) -> Mapping[Labels, list[float]]:
    """Labels -> all values of a statement."""
    found: dict[Labels, list[float]] = {}
    for row in sql.execute(TABLES + statement, {"moment": moment}):
        *labels, value = row
        found.setdefault(frozenset(zip(row._fields, labels, strict=False)), []).append(float(value))
    return found
