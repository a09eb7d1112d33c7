-- Question: is there a table of this name in this schema?
-- Index: the system catalog's own.
-- NULL: never; a name too long is cut as Postgres cuts it; no row means no.
SELECT c.oid::bigint AS oid
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s::name AND c.relname = %(table)s::name AND c.relkind = 'r'
