-- Question: (writes) this claim has never beaten: can it be taken away before it does? A row that is lost from its
-- first moment on; a first beat that comes now waits for us, and then reads `lost`.
-- Index: heartbeat's primary key.
-- NULL: never; no row: it has beaten after all, or its row is locked.
-- NOT EXISTS, because ON CONFLICT alone would wait for whoever is changing the row that is there.
INSERT INTO keeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at)
SELECT
    %(job_id)s::bigint, %(attempted_at)s::timestamptz, %(attempt)s::smallint, %(keeper)s::uuid, '0', now(), now()
WHERE NOT EXISTS (
    SELECT
    FROM keeper.heartbeat AS h
    WHERE h.job_id = %(job_id)s::bigint AND h.attempted_at = %(attempted_at)s::timestamptz
)
ON CONFLICT DO NOTHING
RETURNING job_id
