"""What plain SQL finds in River's tables, to hold the metrics page against: whole-table reads, written for clarity.

The columns before the last are the labels, and have their names. `moment` is when the page's reading began, `first`
is before the first job that a counter may count; both in Unix seconds of the database's clock.
"""

from __future__ import annotations

# Stands before each statement below.
TABLES = """
WITH job AS (
    SELECT
        id, queue, kind, state::text AS state, priority::text AS priority, attempt, max_attempts, errors, metadata,
        scheduled_at, attempted_at, finalized_at, attempted_by[cardinality(attempted_by)] AS client,
        (metadata ->> 'health_check_at')::timestamptz AS beat_at,
        to_timestamp(%(moment)s) AS now
    FROM river_job
),
live AS (SELECT * FROM job WHERE state NOT IN ('cancelled', 'completed', 'discarded')),
ready AS (SELECT * FROM live WHERE state = 'available' AND scheduled_at <= now),
running AS (SELECT * FROM live WHERE state = 'running'),
beating AS (SELECT * FROM running WHERE beat_at >= attempted_at),
finished AS (SELECT * FROM job WHERE finalized_at > to_timestamp(%(first)s))
"""

# The page may also show a zero for what SQL has no row of: a known queue or kind that holds nothing now.
COUNTS = {
    "river_jobs": "SELECT queue, state, count(*) FROM live GROUP BY 1, 2",
    "river_jobs_by_kind": "SELECT queue, kind, state, count(*) FROM live GROUP BY 1, 2, 3",
    "river_jobs_ready": "SELECT queue, priority, count(*) FROM ready GROUP BY 1, 2",
    "river_jobs_overdue": """SELECT queue, state, count(*) FROM live
        WHERE state IN ('scheduled', 'retryable') AND scheduled_at <= now - interval '30 seconds' GROUP BY 1, 2""",
    "river_jobs_failing": "SELECT queue, kind, count(*) FROM live WHERE cardinality(errors) > 0 GROUP BY 1, 2",
    "river_jobs_last_attempt": """SELECT queue, kind, count(*) FROM live
        WHERE max_attempts <= CASE state WHEN 'running' THEN attempt ELSE attempt + 1 END GROUP BY 1, 2""",
    "river_jobs_beating": "SELECT queue, kind, count(*) FROM beating GROUP BY 1, 2",
    "river_jobs_unknown": """SELECT queue, kind, count(*) FROM running
        WHERE id NOT IN (SELECT id FROM beating) GROUP BY 1, 2""",
    "river_jobs_cancel_pending": """SELECT queue, kind, count(*) FROM running
        WHERE metadata ? 'cancel_attempted_at' GROUP BY 1, 2""",
    "river_rescuer_poison_jobs": """SELECT count(*) FROM running
        WHERE (metadata ->> 'river:rescue_count')::numeric %% 1 <> 0""",
    "river_queue_busy_clients": "SELECT queue, count(DISTINCT client) FROM running GROUP BY 1",
    "river_jobs_finished_total": "SELECT queue, kind, state AS outcome, count(*) FROM finished GROUP BY 1, 2, 3",
    "river_job_attempts_total": "SELECT queue, kind, sum(attempt) FROM finished GROUP BY 1, 2",
}

# The page shows these and no other.
VALUES = {
    "river_up": "SELECT 1",
    "river_job_oldest_ready_timestamp_seconds": """SELECT queue, priority, extract(epoch FROM min(scheduled_at))
        FROM ready GROUP BY 1, 2""",
    "river_job_oldest_running_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM min(attempted_at))
        FROM running GROUP BY 1, 2""",
    "river_job_oldest_heartbeat_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM min(beat_at))
        FROM beating GROUP BY 1, 2""",
    "river_job_last_finished_timestamp_seconds": """SELECT queue, kind, extract(epoch FROM max(finalized_at))
        FROM job WHERE finalized_at IS NOT NULL GROUP BY 1, 2""",
    "river_queue_last_claim_timestamp_seconds": """SELECT queue, extract(epoch FROM max(attempted_at))
        FROM job WHERE attempted_at IS NOT NULL GROUP BY 1""",
    "river_oldest_finalized_timestamp_seconds": """SELECT state, extract(epoch FROM min(finalized_at))
        FROM job WHERE finalized_at IS NOT NULL GROUP BY 1""",
    "river_queue_paused": "SELECT name AS queue, (paused_at IS NOT NULL)::integer FROM river_queue",
    "river_queue_updated_timestamp_seconds": "SELECT name AS queue, extract(epoch FROM updated_at) FROM river_queue",
    "river_leader_elected_timestamp_seconds": "SELECT extract(epoch FROM elected_at) FROM river_leader",
    "river_leader_expires_timestamp_seconds": "SELECT extract(epoch FROM expires_at) FROM river_leader",
    "river_migration_version": "SELECT line, max(version) FROM river_migration GROUP BY 1",
    "river_table_bytes": """SELECT relname::text AS "table", pg_total_relation_size(oid)
        FROM pg_class WHERE relname IN ('river_job', 'heartbeat') AND relkind = 'r'""",
    "river_table_dead_rows": """SELECT relname::text AS "table", n_dead_tup
        FROM pg_stat_user_tables WHERE relname IN ('river_job', 'heartbeat')""",
    "river_table_live_rows": """SELECT relname::text AS "table", n_live_tup
        FROM pg_stat_user_tables WHERE relname IN ('river_job', 'heartbeat')""",
}

# Histograms: every single value in them.
SPREADS = {
    "river_job_run_duration_seconds": """SELECT queue, kind,
        greatest(0, extract(epoch FROM finalized_at - attempted_at)) FROM finished WHERE state = 'completed'""",
    "river_job_wait_duration_seconds": """SELECT queue, priority, extract(epoch FROM attempted_at - scheduled_at)
        FROM finished WHERE attempted_at >= scheduled_at""",
    "river_job_running_age_seconds": "SELECT queue, extract(epoch FROM now - attempted_at) FROM running",
    "river_job_heartbeat_age_seconds": "SELECT queue, extract(epoch FROM now - beat_at) FROM beating",
}

# Everything that a page is made of: equal before and after a scrape, the scrape saw just that.
STILL = """
SELECT
    (SELECT md5(string_agg(j::text, '' ORDER BY j.id)) FROM river_job AS j),
    (SELECT string_agg(q::text, '' ORDER BY q.name) FROM river_queue AS q),
    (SELECT string_agg(l::text, '') FROM river_leader AS l),
    (SELECT s.n_dead_tup || ' ' || s.n_live_tup FROM pg_stat_all_tables AS s WHERE s.relid = 'river_job'::regclass),
    pg_total_relation_size('river_job')
"""
