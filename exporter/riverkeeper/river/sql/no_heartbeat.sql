-- Question: Stands in for the heartbeat table where there is none, or where this login may not read it.
-- Index: none.
-- NULL: every column; there is never a row, so that the planner drops a join with it.
SELECT
    NULL::bigint AS job_id,
    NULL::timestamptz AS attempted_at,
    NULL::smallint AS attempt,
    NULL::interval AS beat_interval,
    NULL::interval AS lease,
    NULL::timestamptz AS beat_at,
    NULL::timestamptz AS first_beat_at,
    NULL::timestamptz AS progress_at,
    NULL::timestamptz AS lost_at,
    NULL::uuid AS instance,
    NULL::real AS progress,
    NULL::timestamptz AS stop_requested_at,
    NULL::timestamptz AS stack_requested_at,
    NULL::timestamptz AS stack_at,
    NULL::timestamptz AS ended_at,
    NULL::text AS outcome
WHERE false
