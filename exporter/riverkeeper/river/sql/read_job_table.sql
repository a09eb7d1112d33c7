-- Question: Finds the schema of River's job table, by the given name, or as the first of the schemas in the session's own
-- search_path (the transaction's is pinned).
-- Index: the system catalog's own.
-- NULL: job_table where the schema exists but has no river_job. No row: there is no such schema.
SELECT
    n.nspname AS name,
    n.oid::bigint AS schema_oid,
    current_user::text AS login,
    c.oid::bigint AS job_table
FROM (
    SELECT s.nspname AS given, 1 AS position
    FROM pg_catalog.pg_namespace AS s
    WHERE s.nspname = %(schema)s::text
    UNION ALL
    SELECT p.name, p.position::integer
    FROM unnest(%(searched)s::name[]) WITH ORDINALITY AS p (name, position)
    WHERE %(schema)s::text IS NULL
) AS candidate
JOIN pg_catalog.pg_namespace AS n ON n.nspname = candidate.given
LEFT JOIN pg_catalog.pg_class AS c
    ON c.relnamespace = n.oid AND c.relname = 'river_job' AND c.relkind IN ('r', 'p', 'v')
ORDER BY c.oid IS NULL, candidate.position
LIMIT 1
