-- Question: how large are the job table and the heartbeat table with their indexes, and how many dead rows wait for vacuum?
-- Index: none is read; sizes of files and the statistics collector's counts.
-- NULL: never; on a standby the row counts are zero (they are kept by the primary).
SELECT
    c.relname::text AS table_name,
    pg_total_relation_size(c.oid) AS bytes,
    coalesce(s.n_dead_tup, 0) AS dead_rows,
    coalesce(s.n_live_tup, 0) AS live_rows
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
WHERE c.oid = ANY (%(tables)s::oid[])
