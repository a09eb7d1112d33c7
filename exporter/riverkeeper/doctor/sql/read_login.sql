-- Question: who are we in this database, and may we use River's schema at all?
-- Index: none.
-- NULL: never.
SELECT current_user::text AS login, has_schema_privilege(%(schema)s::regnamespace, 'USAGE') AS usable
