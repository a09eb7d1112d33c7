-- Question: which of these schemas are keeper schemas that this login may read, in the order given?
-- Index: the system catalog's own.
-- NULL: never; no row where none of them is one.
SELECT n.nspname::text AS name
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS given (name, position)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = given.name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'meta' AND c.relkind = 'r'
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'min_compatible'
WHERE has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
ORDER BY given.position
