-- Question: which hung job does somebody lose patience with? The oldest running one of the kind, asked once.
-- Index: river_job_prioritized_fetching_index for the running rows.
-- NULL: never; nothing happens where none runs for that long. It stays running: a hung worker does not listen.
UPDATE river.river_job AS j
SET metadata = j.metadata || jsonb_build_object('cancel_attempted_at', now())
FROM (
    SELECT slow.id
    FROM river.river_job AS slow
    WHERE slow.state = 'running'
      AND slow.kind = %(kind)s
      AND slow.attempted_at < now() - %(seconds)s * interval '1 second'
      AND NOT slow.metadata ? 'cancel_attempted_at'
    ORDER BY slow.attempted_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) AS hung
WHERE j.id = hung.id
