-- Question: which objects in a keeper schema are not Riverkeeper's? (dropping the schema would drop it too)
-- Index: the system catalog's own.
-- NULL: never; a name too long is cut as Postgres cuts it; tables, views and sequences, the first five by name. A sequence
-- that belongs to a table's column goes with its table.
SELECT c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s::name
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND NOT c.relname = ANY (%(tables)s::text[])
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
  )
ORDER BY c.relname
LIMIT 5
