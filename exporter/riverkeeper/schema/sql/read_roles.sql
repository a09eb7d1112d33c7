-- Question: which of these roles exist, and does this login have the rights of each, or could it only SET ROLE to it?
-- Index: the system catalog's own.
-- NULL: never; a role that does not exist has no row.
SELECT
    r.rolname::text AS name,
    pg_has_role(%(login)s::name, r.oid, 'MEMBER') AS is_member,
    pg_has_role(%(login)s::name, r.oid, 'USAGE') AS inherits
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = ANY (%(roles)s::text[])
