-- Question: may this login rescue? A dry run locks the job's row too, and so needs the same right.
-- Index: none; the catalog.
-- NULL: never.
SELECT has_column_privilege(t.typrelid, 'state', 'UPDATE') AS may_rescue
FROM pg_type AS t
WHERE t.oid = pg_typeof(NULL::river.river_job)::oid
