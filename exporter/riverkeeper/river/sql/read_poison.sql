-- Question: Lists the running jobs whose metadata stops River's own rescuer for every job, and the keys that are wrong.
-- Index: river_job_prioritized_fetching_index for the running rows, then each of them once: for `check`, not for a scrape.
-- NULL: never. `faults` has the keys that read_running counts too, or `metadata` where the metadata is no object.
SELECT checked.id, checked.queue, checked.kind, checked.faults
FROM (
    SELECT
        job.id,
        job.queue,
        job.kind,
        array_remove(ARRAY[
            CASE WHEN job.type IN ('array', 'string', 'number', 'boolean') THEN 'metadata' END,
            CASE jsonb_typeof(job.cancel)
                WHEN 'string' THEN CASE WHEN job.cancel #>> '{}' !~ %(rfc3339)s THEN 'cancel_attempted_at' END
                WHEN 'null' THEN NULL
                ELSE CASE WHEN job.cancel IS NOT NULL THEN 'cancel_attempted_at' END
            END,
            CASE WHEN jsonb_typeof(job.rescues) = 'number' THEN
                CASE WHEN job.rescues::text !~ '^-?[0-9]+$' OR abs(job.rescues::numeric) >= 2147483647
                    THEN 'river:rescue_count' END
            END
        ], NULL) AS faults
    FROM (
        SELECT
            j.id,
            j.queue,
            j.kind,
            jsonb_typeof(j.metadata) AS type,
            j.metadata -> 'cancel_attempted_at' AS cancel,
            j.metadata -> 'river:rescue_count' AS rescues
        FROM river.river_job AS j
        WHERE j.state = 'running' AND pg_column_size(j.metadata) < %(most_bytes)s
        OFFSET 0  -- without OFFSET the planner may read the whole table by id, for the order below
    ) AS job
) AS checked
WHERE cardinality(checked.faults) > 0
ORDER BY checked.id
LIMIT %(most_rows)s
