-- Question: Lists the heartbeat rows of one job's claims, the newest first.
-- Index: heartbeat's primary key, at most most_rows.
-- NULL: see keeper.heartbeat. Rows go ten minutes after their claim is over. Notes are read by a statement of their own.
SELECT
    to_char(h.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    h.attempt,
    h.instance::text AS instance,
    extract(epoch FROM h.attempted_at)::double precision AS claimed_at,
    extract(epoch FROM h.beat_at)::double precision AS beat_at,
    extract(epoch FROM h.first_beat_at)::double precision AS first_beat_at,
    extract(epoch FROM h.beat_interval)::double precision AS interval,
    extract(epoch FROM h.lease)::double precision AS lease,
    extract(epoch FROM h.progress_at)::double precision AS progress_at,
    h.progress::double precision AS progress,
    extract(epoch FROM h.lost_at)::double precision AS lost_at,
    extract(epoch FROM h.stop_requested_at)::double precision AS stop_requested_at,
    extract(epoch FROM h.stack_requested_at)::double precision AS stack_requested_at,
    extract(epoch FROM h.stack_at)::double precision AS stack_at,
    extract(epoch FROM h.ended_at)::double precision AS ended_at,
    h.outcome
FROM keeper.heartbeat AS h
WHERE h.job_id = %(job_id)s
ORDER BY h.attempted_at DESC
LIMIT %(most_rows)s
