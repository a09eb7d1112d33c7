-- Question: (writes) which of these claims, which have never beaten, can be marked as lost before they beat? A
-- tombstone is a row that is lost from its first moment on. A first beat that comes now waits for this transaction,
-- and then reads `lost`.
-- Index: heartbeat's primary key.
-- NULL: never; a claim is missing: it has beaten after all.
-- NOT EXISTS, because ON CONFLICT alone would wait for a session that changes an existing row. In order of job id, as
-- beats insert: a tombstone that waits for a first beat is then never waited for by that beat.
INSERT INTO keeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at)
SELECT c.job_id, c.attempted_at, c.attempt, %(keeper)s::uuid, '0', now(), now()
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (job_id bigint, attempt smallint, attempted_at timestamptz)
WHERE NOT EXISTS (
    SELECT FROM keeper.heartbeat AS h WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at
)
ORDER BY c.job_id, c.attempted_at
ON CONFLICT DO NOTHING
RETURNING job_id
