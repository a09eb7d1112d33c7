-- Question: who are we in which database, may we create a schema here, who owns this one, and may we create tables in it?
-- Index: the system catalog's own.
-- NULL: owner, may_fill: there is no schema of this name, which is cut as Postgres cuts it.
SELECT
    current_user::text AS name,
    current_database()::text AS database,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    pg_get_userbyid(found.nspowner)::text AS owner,
    has_schema_privilege(found.oid, 'CREATE') AS may_fill
FROM (SELECT %(schema)s::name AS name) AS given
LEFT JOIN pg_catalog.pg_namespace AS found ON found.nspname = given.name
