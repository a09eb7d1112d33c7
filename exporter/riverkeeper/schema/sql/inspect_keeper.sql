-- Question: is a keeper schema installed, and may this login read which River it serves, write its ledger, and
-- read and sweep its heartbeats?
-- Index: the system catalog's own.
-- NULL: heartbeat where its tables are not both there and readable; filtered where row level security hides no rows. A name too long is cut as Postgres
-- cuts it; no row means that it is not installed.
SELECT
    has_schema_privilege(n.oid, 'USAGE')
        AND bool_or(has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relname = 'meta') AS usable,
    has_schema_privilege(n.oid, 'USAGE')
        AND NOT pg_is_in_recovery()
        AND coalesce(bool_and(
            has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
            AND (c.relname = 'ledger' OR has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'DELETE'))
        ) FILTER (WHERE c.relname = 'ledger' OR c.relname LIKE 'ledger\_%%'), false) AS writable,
    CASE WHEN sum(readable.columns) FILTER (WHERE c.relname IN ('heartbeat', 'client')) = cardinality(%(columns)s::text[])
        THEN max(c.oid::bigint) FILTER (WHERE c.relname = 'heartbeat') END AS heartbeat,
    coalesce(bool_or(has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relname = 'rescue'), false) AS audit,
    coalesce(bool_or(
        has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
    ) FILTER (WHERE c.relname = 'run_day'), false) AS learns,
    coalesce(bool_or(has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relname = 'control'), false) AS control,
    NOT pg_is_in_recovery()
        AND count(*) FILTER (WHERE c.relname IN ('heartbeat', 'client', 'stack') AND has_table_privilege(c.oid, 'DELETE')) = 3
        AND bool_or(has_table_privilege(c.oid, 'UPDATE')) FILTER (WHERE c.relname = 'heartbeat') AS sweepable,
    coalesce(bool_or(has_column_privilege(c.oid, 'saved_at', 'SELECT')) FILTER (WHERE c.relname = 'checkpoint'), false)
        AS checkpoints,
    NOT pg_is_in_recovery()
        AND coalesce(bool_or(has_table_privilege(c.oid, 'DELETE')) FILTER (WHERE c.relname = 'checkpoint'), false)
        AS checkpoints_sweepable,
    count(*) FILTER (
        WHERE c.relname = 'checkpoint' AND has_column_privilege(c.oid, 'resumes_counted', 'SELECT')
            AND has_column_privilege(c.oid, 'resumes_counted', 'UPDATE')
            OR c.relname = 'rescue' AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
    ) = 2 AS counts_work,
    array_agg(c.relname::text ORDER BY c.relname) FILTER (WHERE row_security_active(c.oid)) AS filtered
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relkind = 'r'
CROSS JOIN LATERAL (
    SELECT count(*) AS columns
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = c.oid
      AND c.relname || '.' || a.attname = ANY (%(columns)s::text[])
      AND has_column_privilege(c.oid, a.attnum, 'SELECT')
) AS readable
WHERE n.nspname = %(schema)s::name
GROUP BY n.oid
HAVING bool_or(c.relname = 'meta')
