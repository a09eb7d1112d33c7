-- Question: which of River's tables and columns exist here, and which of them may this login read, and whose rows would
-- a policy of row level security choose for it?
-- Index: the system catalog's own.
-- NULL: never; a table that does not exist has no rows. Columns may be readable one by one (column grants).
SELECT
    c.relname AS table_name,
    a.attname AS column_name,
    c.oid::bigint AS table_oid,
    has_schema_privilege(c.relnamespace, 'USAGE')
        AND has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
    row_security_active(c.oid) AS filtered
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = %(schema_oid)s::oid
  AND c.relname = ANY (%(tables)s::text[])
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
