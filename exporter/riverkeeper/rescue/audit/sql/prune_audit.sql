-- Question: (deletes) rows of the audit that are older than rescue.audit_retention, at most a thousand of rescues and a
-- thousand of dry runs at a time; and the stacks of
-- their claims, which the heartbeats have left behind.
-- Index: rescue_by_time; the primary keys of stack and heartbeat.
-- NULL: never.
WITH pruned AS (
    DELETE FROM keeper.rescue AS r
    WHERE r.id = ANY (ARRAY(
        SELECT old.id
        FROM unnest(ARRAY[false, true]) AS sort (dry_run)
        CROSS JOIN LATERAL (
            SELECT o.id
            FROM keeper.rescue AS o
            WHERE o.dry_run = sort.dry_run AND o.at < now() - make_interval(secs => %(retention)s::double precision)
            ORDER BY o.at
            LIMIT 1000
        ) AS old
    ))
    RETURNING r.job_id, r.attempted_at
)
DELETE FROM keeper.stack AS s
USING pruned
WHERE s.job_id = pruned.job_id AND s.attempted_at = pruned.attempted_at
  AND NOT EXISTS (SELECT FROM keeper.heartbeat AS h WHERE h.job_id = s.job_id AND h.attempted_at = s.attempted_at)
