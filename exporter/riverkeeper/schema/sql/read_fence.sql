-- Question: on which tables does the fence lack what, whose are they, and what may this login do about it?
-- Index: the system catalog's own.
-- NULL: other_schema where a trigger of the fence's name belongs to another keeper schema: the schema of its function.
-- No row: River's job table is a view, or is not there.
SELECT
    c.oid::pg_catalog.regclass::text AS table_name,
    f.trigger_name,
    f.state,
    CASE WHEN f.state = 'foreign' THEN (
        SELECT n.nspname::text
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE t.tgrelid = f.table_oid AND t.tgname = f.trigger_name
    ) END AS other_schema,
    current_user::text AS login,
    pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
    pg_catalog.has_table_privilege(c.oid, 'TRIGGER') AND f.callable AS may_create
FROM (
    SELECT g.*, (
        SELECT coalesce(bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), false)
        FROM (SELECT k.tableoid FROM keeper.meta AS k LIMIT 1) AS m
        JOIN pg_catalog.pg_class AS v ON v.oid = m.tableoid
        JOIN pg_catalog.pg_proc AS p ON p.pronamespace = v.relnamespace
        WHERE p.proname IN ('drop_late_result', 'remove_claim_token')
    ) AS callable
    FROM keeper.fence AS g
) AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.table_oid
ORDER BY f.table_oid, f.trigger_name
