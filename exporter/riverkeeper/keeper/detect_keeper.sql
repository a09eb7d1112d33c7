-- Question: is a keeper schema installed, and may this login read which River it serves, and write its ledger?
-- Index: the system catalog's own.
-- NULL: never; a name too long is cut as Postgres cuts it; no row means that it is not installed.
SELECT
    has_schema_privilege(n.oid, 'USAGE')
        AND bool_or(has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relname = 'meta') AS usable,
    has_schema_privilege(n.oid, 'USAGE')
        AND NOT pg_is_in_recovery()
        AND coalesce(bool_and(
            has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
            AND (c.relname = 'ledger' OR has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'DELETE'))
        ) FILTER (WHERE c.relname = 'ledger' OR c.relname LIKE 'ledger\_%%'), false) AS writable
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relkind = 'r'
WHERE n.nspname = %(schema)s::name
GROUP BY n.oid
HAVING bool_or(c.relname = 'meta')
