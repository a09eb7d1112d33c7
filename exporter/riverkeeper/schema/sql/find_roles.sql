-- Question: how many of these roles exist on this server?
-- Index: the system catalog's own.
-- NULL: never.
SELECT count(*) AS found FROM pg_catalog.pg_roles AS r WHERE r.rolname = ANY (%(roles)s::text[])
