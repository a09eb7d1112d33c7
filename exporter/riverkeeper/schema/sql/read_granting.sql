-- Question: who owns River's table and the keeper schema, which of its tables are there, and what may this login grant?
-- Index: the system catalog's own.
-- NULL: bitmask where River has no such function (before its migration 6); keeper_owner where the schema is not installed.
SELECT
    current_user::text AS login,
    me.rolsuper OR me.rolcreaterole AS makes_roles,
    pg_get_userbyid(job.relowner)::text AS river_owner,
    pg_has_role(job.relowner, 'USAGE') AS owns_river,
    (
        SELECT format('%%I.%%I(bit, %%I.%%I)', n.nspname, p.proname, tn.nspname, t.typname)
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
        JOIN pg_catalog.pg_proc AS p
            ON p.proname = 'river_job_state_in_bitmask' AND p.pronargs = 2 AND p.proargtypes[1] = t.oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE a.attrelid = job.oid AND a.attname = 'state'
        LIMIT 1
    ) AS bitmask,
    meta.keeper_owner,
    coalesce(
        (
            SELECT array_agg(k.relname::text)
            FROM pg_catalog.pg_class AS k
            WHERE k.relnamespace = meta.schema AND k.relkind = 'r'
        ),
        '{}'
    ) AS keeper_tables
FROM pg_catalog.pg_roles AS me
JOIN pg_catalog.pg_class AS job ON job.oid = %(job_table)s::oid
LEFT JOIN (
    SELECT m.relnamespace AS schema, pg_get_userbyid(m.relowner)::text AS keeper_owner
    FROM pg_catalog.pg_namespace AS n
    JOIN pg_catalog.pg_class AS m ON m.relnamespace = n.oid AND m.relname = 'meta' AND m.relkind = 'r'
    WHERE n.nspname = %(keeper)s::name
) AS meta ON true
WHERE me.rolname = current_user
