-- Question: (deletes) rows of the audit that are older than rescue.audit_retention, a thousand at a time; and the stacks of
-- their claims, which the heartbeats have left behind.
-- Index: rescue_by_time; the primary keys of stack and heartbeat.
-- NULL: never.
WITH pruned AS (
    DELETE FROM keeper.rescue AS r
    WHERE r.id = ANY (ARRAY(
        SELECT o.id FROM keeper.rescue AS o
        WHERE o.at < now() - make_interval(secs => %(retention)s::double precision)
        ORDER BY o.at
        LIMIT 1000
    ))
    RETURNING r.job_id, r.attempted_at
)
DELETE FROM keeper.stack AS s
USING pruned
WHERE s.job_id = pruned.job_id AND s.attempted_at = pruned.attempted_at
  AND NOT EXISTS (SELECT FROM keeper.heartbeat AS h WHERE h.job_id = s.job_id AND h.attempted_at = s.attempted_at)
