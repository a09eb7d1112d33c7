-- Question: in which schema does the search_path find River's table?
-- Index: the catalog's.
-- NULL: never; no row where there is no such table.
SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('river_job')
