-- Question: (deletes) records of dropped results that are older than rescue.audit_retention, a thousand at a time.
-- Index: late_result_by_time.
-- NULL: never.
DELETE FROM keeper.late_result AS l
WHERE l.id = ANY (ARRAY(
    SELECT o.id FROM keeper.late_result AS o
    WHERE o.at < now() - make_interval(secs => %(retention)s::double precision)
    ORDER BY o.at
    LIMIT 1000
))
