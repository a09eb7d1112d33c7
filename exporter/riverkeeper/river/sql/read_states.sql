-- Question: Lists the job states that this River has, and the type of the column `state`. (River has `pending` since migration
-- 4, and a comparison with an unknown label is an error. ALTER TABLE ... SET SCHEMA leaves the type in the old schema.)
-- Index: the system catalog's own.
-- NULL: never. No row: the job table has no column `state` of an enum type.
SELECT e.enumlabel::text AS state, n.nspname::text AS type_schema, t.typname::text AS type_name
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_enum AS e ON e.enumtypid = t.oid
WHERE a.attrelid = %(job_table)s::oid AND a.attname = 'state'
ORDER BY e.enumsortorder
