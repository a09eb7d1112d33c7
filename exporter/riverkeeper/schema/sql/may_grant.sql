-- Question: may this login grant what this owner owns, or, where no owner is named, make roles?
-- Index: the system catalog's own.
-- NULL: never.
SELECT CASE
    WHEN %(owner)s::text IS NULL THEN me.rolsuper OR me.rolcreaterole
    ELSE pg_has_role(%(owner)s::name, 'USAGE')
END AS may
FROM pg_catalog.pg_roles AS me
WHERE me.rolname = current_user
