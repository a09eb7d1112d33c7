-- Question: Lists the schemas with a table river_job, whether this login may use them or not.
-- Index: the system catalog's own.
-- NULL: never; the first five by name.
SELECT n.nspname::text AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = 'river_job' AND c.relkind IN ('r', 'p', 'v')
ORDER BY n.nspname
LIMIT 5
