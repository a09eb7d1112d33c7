-- Question: which job states does this River know, and where is their type? (pending came with migration 4; comparing
-- with a label that does not exist is an error, so the lists are made from the type itself; ALTER TABLE ... SET SCHEMA
-- leaves the type behind)
-- Index: the system catalog's own.
-- NULL: never; no row means that the job table has no column `state` of an enum type.
SELECT e.enumlabel::text AS state, n.nspname::text AS type_schema, t.typname::text AS type_name
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_enum AS e ON e.enumtypid = t.oid
WHERE a.attrelid = %(job_table)s::oid AND a.attname = 'state'
ORDER BY e.enumsortorder
