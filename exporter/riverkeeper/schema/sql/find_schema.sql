-- Question: is there a schema of this name?
-- Index: the system catalog's own.
-- NULL: never; a name too long is cut as Postgres cuts it; no row means no.
SELECT n.oid::bigint AS oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = %(schema)s::name
