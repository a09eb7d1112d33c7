-- Question: (deletes) rows of the audit that are older than rescue.audit_retention, a thousand at a time.
-- Index: rescue_by_time.
-- NULL: never.
DELETE FROM keeper.rescue AS r
WHERE r.id = ANY (ARRAY(
    SELECT o.id FROM keeper.rescue AS o
    WHERE o.at < now() - make_interval(secs => %(retention)s::double precision)
    ORDER BY o.at
    LIMIT 1000
))
