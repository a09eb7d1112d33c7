-- Question: which job states does this River know? (pending came with migration 4; comparing with a label that
-- does not exist is an error, so the lists are made from the type itself)
-- Index: the system catalog's own.
-- NULL: never; no row means that the job table has no column `state` of an enum type.
SELECT e.enumlabel::text AS state
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_enum AS e ON e.enumtypid = a.atttypid
WHERE a.attrelid = %(job_table)s::oid AND a.attname = 'state'
ORDER BY e.enumsortorder
