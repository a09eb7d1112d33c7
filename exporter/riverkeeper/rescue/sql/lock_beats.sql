-- Question: (locks) what do the heartbeat rows of these claims hold, while no beat and no rescue can change them?
-- Index: heartbeat's primary key, once for each claim (LATERAL forces it); client's for the process.
-- NULL: see keeper.heartbeat; fences and software are NULL where the process' row is gone. A claim is missing: it has no row, or
-- another session has locked the row.
SELECT c.number, held.*
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (number integer, job_id bigint, attempted_at timestamptz)
CROSS JOIN LATERAL (
    SELECT
        extract(epoch FROM h.beat_at)::double precision AS beat_at,
        extract(epoch FROM h.first_beat_at)::double precision AS first_beat_at,
        extract(epoch FROM h.beat_interval)::double precision AS interval,
        extract(epoch FROM h.lease)::double precision AS lease,
        extract(epoch FROM h.progress_at)::double precision AS progress_at,
        h.progress::double precision AS progress,
        h.note,
        extract(epoch FROM h.lost_at)::double precision AS lost_at,
        extract(epoch FROM h.stop_requested_at)::double precision AS stop_requested_at,
        extract(epoch FROM h.stack_requested_at)::double precision AS stack_requested_at,
        extract(epoch FROM h.stack_at)::double precision AS stack_at,
        extract(epoch FROM h.ended_at)::double precision AS ended_at,
        h.outcome,
        (SELECT p.fences FROM keeper.client AS p WHERE p.instance = h.instance) AS fences,
        (SELECT p.software FROM keeper.client AS p WHERE p.instance = h.instance) AS software
    FROM keeper.heartbeat AS h
    WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at
    FOR UPDATE OF h SKIP LOCKED
) AS held
