-- Question: may this login rescue? Without that right it may still make dry runs.
-- Index: none; the catalog.
-- NULL: never.
SELECT bool_and(has_column_privilege(t.typrelid, c.name, 'UPDATE')) AS may_rescue
FROM pg_type AS t
CROSS JOIN unnest(ARRAY['state', 'errors', 'finalized_at', 'scheduled_at', 'metadata']) AS c (name)
WHERE t.oid = pg_typeof(NULL::river.river_job)::oid
