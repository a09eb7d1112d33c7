-- Question: Lists the tables and columns of River that exist, whether this login may read each column, and whether row level
-- security hides rows of the table from it.
-- Index: the system catalog's own.
-- NULL: never. A table that does not exist has no rows. With column grants, only some columns may be readable.
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
