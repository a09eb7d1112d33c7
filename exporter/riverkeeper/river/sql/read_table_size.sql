-- Question: How large are the job table and the heartbeat table with indexes, how many dead rows does each have, and how many
-- were ever inserted?
-- Index: none is read; file sizes and the counts of the statistics collector.
-- NULL: inserted_rows on a standby, and of a partitioned table: its sum falls when a partition is dropped, and a counter must
-- not. On a standby the row counts are zero, because only the primary has them. A partitioned table has no file of its
-- own: its size is the size of its partitions.
SELECT
    c.relname::text AS table_name,
    sum(pg_total_relation_size(part.relid))::bigint AS bytes,
    coalesce(sum(s.n_dead_tup), 0)::bigint AS dead_rows,
    coalesce(sum(s.n_live_tup), 0)::bigint AS live_rows,
    CASE WHEN c.relkind <> 'p' AND NOT pg_is_in_recovery() THEN sum(s.n_tup_ins)::bigint END AS inserted_rows
FROM pg_catalog.pg_class AS c
CROSS JOIN LATERAL (
    SELECT c.oid AS relid WHERE c.relkind <> 'p'
    UNION ALL
    SELECT tree.relid::oid FROM pg_partition_tree(c.oid) AS tree WHERE c.relkind = 'p' AND tree.isleaf
) AS part
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = part.relid
WHERE c.oid = ANY (%(tables)s::oid[])
GROUP BY c.oid, c.relname, c.relkind
