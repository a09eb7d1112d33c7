-- Question: which due jobs does each asking client get? One client a queue, else two would lock the same rows.
-- Index: river_job_prioritized_fetching_index, as far as the slots reach.
-- NULL: attempted_by and errors are NULL before the first attempt; a paused queue (paused_at) gives nothing.
WITH picked AS MATERIALIZED (
    SELECT ask.client, ask.ahead, job.id
    FROM jsonb_to_recordset(%(wants)s::jsonb) AS ask (client text, queue text, slots integer, ahead double precision)
    CROSS JOIN LATERAL (
        SELECT j.id
        FROM river.river_job AS j
        WHERE j.state = 'available'
          AND j.queue = ask.queue
          AND j.scheduled_at <= now()
          AND NOT EXISTS (SELECT FROM river.river_queue AS q WHERE q.name = ask.queue AND q.paused_at IS NOT NULL)
        ORDER BY j.priority, j.scheduled_at, j.id
        LIMIT ask.slots
        FOR UPDATE SKIP LOCKED
    ) AS job
)
UPDATE river.river_job AS claimed
SET
    state = 'running',
    attempt = claimed.attempt + 1,
    attempted_at = now() + make_interval(secs => picked.ahead),  -- Ruby and Java date a claim by the worker's clock
    -- River keeps the last hundred clients.
    attempted_by = array_append(
        claimed.attempted_by[greatest(cardinality(claimed.attempted_by) - 98, 1):], picked.client
    )
FROM picked
WHERE claimed.id = picked.id
RETURNING
    claimed.id,
    claimed.kind,
    claimed.queue,
    picked.client,
    claimed.attempt,
    claimed.max_attempts,
    extract(epoch FROM claimed.attempted_at)::double precision AS attempted_at,
    coalesce(cardinality(claimed.errors), 0) AS failures,
    coalesce((claimed.metadata ->> 'snoozes')::integer, 0) AS snoozes,
    picked.ahead
