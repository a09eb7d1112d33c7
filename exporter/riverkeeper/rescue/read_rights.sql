-- Question: may this login rescue? Without that right it may still make dry runs.
-- Index: none; the catalog.
-- NULL: never.
SELECT has_column_privilege(t.typrelid, 'state', 'UPDATE') AS may_rescue
FROM pg_type AS t
WHERE t.oid = pg_typeof(NULL::river.river_job)::oid
