-- Question: Which share of the job table's rows has each queue and each priority, by the last ANALYZE?
-- Index: the system catalog's own.
-- NULL: value, for the share of each value that is too rare to be listed. No rows where ANALYZE has never run.
SELECT
    s.attname::text AS name,
    listed.value,
    listed.share
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
CROSS JOIN LATERAL (
    SELECT common.value, common.share::double precision
    FROM unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS common (value, share)
    UNION ALL
    SELECT NULL, greatest(0, 1 - coalesce(sum(common.share), 0)) / greatest(1, s.n_distinct - count(*))
    FROM unnest(s.most_common_freqs) AS common (share)
) AS listed (value, share)
WHERE t.oid = pg_typeof(NULL::river.river_job) AND s.attname IN ('queue', 'priority')
ORDER BY s.inherited
