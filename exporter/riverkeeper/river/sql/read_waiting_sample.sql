-- Question: Estimates the waiting jobs of each (state, queue, priority) from a sample of the table's pages.
-- Index: none; about `pages` pages of the table, nearly the same pages each time, however large the table is.
-- NULL: never. No row for a partition that is not in the sample. A partitioned table has the pages of its partitions.
WITH size AS (
    SELECT least(1, %(pages)s::double precision / greatest(1, own.pages)) * least(1, own.pages) AS share
    FROM pg_catalog.pg_type AS t
    CROSS JOIN LATERAL (
        SELECT (
            pg_relation_size(t.typrelid) + coalesce(sum(pg_relation_size(tree.relid)) FILTER (WHERE tree.level > 0), 0)
        ) / current_setting('block_size')::integer AS pages
        FROM pg_partition_tree(t.typrelid) AS tree
    ) AS own
    WHERE t.oid = pg_typeof(NULL::river.river_job)
)
SELECT
    j.state::text AS state,
    j.queue,
    j.priority,
    count(*) / (SELECT size.share FROM size) AS jobs
FROM river.river_job AS j TABLESAMPLE SYSTEM ((SELECT 100 * size.share FROM size)) REPEATABLE (1)
WHERE j.state = ANY (%(states)s::text[]::river.river_job_state[])
GROUP BY j.state, j.queue, j.priority
