-- Question: Lists the triggers of users on an UPDATE of River's job table whose function sets no search_path.
-- Index: the system catalog's own.
-- NULL: never. The fence's own triggers are left out.
SELECT t.tgname::text AS trigger_name, p.oid::pg_catalog.regprocedure::text AS function_name
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE t.tgrelid = %(job_table)s::oid
  AND NOT t.tgisinternal
  AND t.tgenabled <> 'D'
  AND t.tgtype & 16 > 0  -- at an UPDATE
  AND t.tgname NOT IN ('riverkeeper_fence', 'riverkeeper_fence_strip')
  AND l.lanname NOT IN ('c', 'internal')
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c (setting) WHERE c.setting LIKE 'search_path=%%')
ORDER BY t.tgname
