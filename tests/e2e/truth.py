"""Statements over real workers' tables, to hold the metrics page against: those of fixtures/naive_sql.py.

Here they read River's own tables, where every beat is in the metadata, and not random rows. `moment` is when the
page's reading began, `first` is before the first job that a counter may count; both in Unix seconds of the database's
clock.
"""

from __future__ import annotations

from fixtures import naive_sql

# Stands before each statement: the names that the statements of naive_sql read from.
TABLES = """
WITH job AS (
    SELECT
        id, queue, kind, state::text AS state, priority::text AS priority, attempt, max_attempts, metadata, errors,
        cardinality(errors) > 0 AS failed, metadata ? 'cancel_attempted_at' AS cancel,
        (metadata ->> 'river:rescue_count')::numeric %% 1 <> 0 AS poison,
        scheduled_at, attempted_at, attempted_at AS claimed_at, finalized_at,
        attempted_by[cardinality(attempted_by)] AS client,
        CASE WHEN (metadata ->> 'health_check_at')::timestamptz >= attempted_at
            THEN (metadata ->> 'health_check_at')::timestamptz END AS beat_at,
        to_timestamp(%(moment)s) AS now
    FROM river_job
),
live AS (SELECT * FROM job WHERE state NOT IN ('cancelled', 'completed', 'discarded')),
ready AS (SELECT * FROM live WHERE state = 'available' AND scheduled_at <= now),
running AS (SELECT * FROM live WHERE state = 'running'),
awaited AS (SELECT * FROM running WHERE beat_at IS NOT NULL),
finished AS (SELECT * FROM job WHERE finalized_at IS NOT NULL),
counted AS (SELECT * FROM finished WHERE finalized_at > to_timestamp(%(first)s))
"""

# The page may also show a zero for what SQL has no row of: a known queue or kind that holds nothing now.
COUNTS = naive_sql.COUNTS | {
    "river_jobs_finished_total": "SELECT queue, kind, state AS outcome, count(*) FROM counted GROUP BY 1, 2, 3",
    # Of entries since the first scrape. The entry of a cancelled attempt is no failure.
    "river_job_attempts_ended_total": """SELECT queue, kind, outcome, sum(attempts) FROM (
            SELECT queue, kind, 'completed' AS outcome, count(*) AS attempts FROM counted WHERE state = 'completed'
            GROUP BY 1, 2
            UNION ALL
            SELECT queue, kind, CASE WHEN e ->> 'error' LIKE 'Stuck job rescued%%' THEN 'rescued' ELSE 'failed' END,
                count(DISTINCT (id, e -> 'attempt'))
            FROM job CROSS JOIN LATERAL unnest(errors) AS e
            WHERE (e ->> 'at')::timestamptz > to_timestamp(%(first)s)
              AND NOT (state = 'cancelled' AND (e ->> 'attempt')::integer = attempt)
            GROUP BY 1, 2, 3
        ) AS ended GROUP BY 1, 2, 3""",
    "river_jobs_rescued_total": """SELECT queue, kind,
            CASE WHEN state = 'discarded' AND attempt < max_attempts THEN 'unknown_kind'
                WHEN state IN ('discarded', 'cancelled') THEN state ELSE 'retried' END AS outcome, count(*)
        FROM job CROSS JOIN LATERAL unnest(errors) AS e
        WHERE (e ->> 'at')::timestamptz > to_timestamp(%(first)s) AND e ->> 'error' = 'Stuck job rescued by JobRescuer'
        GROUP BY 1, 2, 3""",
}

# The page shows these and no other. The fleet reports no progress.
VALUES = {
    name: statement
    for name, statement in naive_sql.VALUES.items()
    if name != "river_job_oldest_progress_timestamp_seconds"
}

# Histograms: every single value in them.
SPREADS = naive_sql.SPREADS | {
    "river_job_run_duration_seconds": """SELECT queue, kind,
        greatest(0, extract(epoch FROM finalized_at - attempted_at)) FROM counted WHERE state = 'completed'""",
    "river_job_wait_duration_seconds": """SELECT queue, priority, extract(epoch FROM attempted_at - scheduled_at)
        FROM counted WHERE attempted_at >= scheduled_at""",
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
