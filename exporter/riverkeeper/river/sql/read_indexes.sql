-- Question: Lists the usable indexes of the job table by their leading columns, and whether the table was ever analyzed.
-- Index: the system catalog's own.
-- NULL: columns in the only row of a table without usable indexes. An expression in an index has the name ''.
SELECT
    c.reltuples > 0 OR c.reltuples = 0 AND c.relpages > 0 AS analyzed,
    usable.columns
FROM pg_catalog.pg_class AS c
LEFT JOIN LATERAL (
    SELECT array_agg(coalesce(a.attname::text, '') ORDER BY key.position) AS columns
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS key (number, position)
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.number
    WHERE i.indrelid = c.oid
      AND i.indisvalid
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = '(finalized_at IS NOT NULL)')
    GROUP BY i.indexrelid
) AS usable ON true
WHERE c.oid = %(job_table)s::oid
