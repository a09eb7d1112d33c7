-- Question: (locks) what does the heartbeat row of this claim say, while nobody can beat, settle or take it away?
-- Index: heartbeat's primary key; client's for the process.
-- NULL: see keeper.heartbeat; fences is NULL where the process' row is gone. No row: there is none, or it is locked.
SELECT
    extract(epoch FROM h.beat_at)::double precision AS beat_at,
    extract(epoch FROM h.beat_interval)::double precision AS interval,
    extract(epoch FROM h.lease)::double precision AS lease,
    extract(epoch FROM h.progress_at)::double precision AS progress_at,
    h.progress::double precision AS progress,
    h.note,
    extract(epoch FROM h.lost_at)::double precision AS lost_at,
    extract(epoch FROM h.stop_requested_at)::double precision AS stop_requested_at,
    extract(epoch FROM h.settled_at)::double precision AS settled_at,
    extract(epoch FROM h.ended_at)::double precision AS ended_at,
    (SELECT c.fences FROM keeper.client AS c WHERE c.instance = h.instance) AS fences
FROM keeper.heartbeat AS h
WHERE h.job_id = %(job_id)s::bigint AND h.attempted_at = %(attempted_at)s::timestamptz
FOR UPDATE OF h SKIP LOCKED
