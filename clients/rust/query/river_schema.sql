-- Question: in which schema does the search_path find River's table?
-- Index: the catalog's.
-- NULL: never; no row where there is no such table.
-- Every name is qualified: it is asked by the session's own search_path, in which others may have put theirs.
SELECT n.nspname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('river_job')
