-- Question: which running jobs have metadata that stops River's own rescuer for every job, and what is wrong with it?
-- Index: river_job_prioritized_fetching_index for the running rows, then each of them once: for a person, not a scrape.
-- NULL: never. `faults` names the keys that are wrong as in read_running, or `metadata` where that is no object.
SELECT judged.id, judged.queue, judged.kind, judged.faults
FROM (
    SELECT
        said.id,
        said.queue,
        said.kind,
        array_remove(ARRAY[
            CASE WHEN said.type IN ('array', 'string', 'number', 'boolean') THEN 'metadata' END,
            CASE jsonb_typeof(said.cancel)
                WHEN 'string' THEN CASE WHEN said.cancel #>> '{}' !~ %(rfc3339)s THEN 'cancel_attempted_at' END
                WHEN 'null' THEN NULL
                ELSE CASE WHEN said.cancel IS NOT NULL THEN 'cancel_attempted_at' END
            END,
            CASE WHEN jsonb_typeof(said.rescues) = 'number' THEN
                CASE WHEN said.rescues::text !~ '^-?[0-9]+$' OR abs(said.rescues::numeric) >= 2147483647
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
        OFFSET 0  -- a fence: without it the planner may walk the whole table by id, for the order below
    ) AS said
) AS judged
WHERE cardinality(judged.faults) > 0
ORDER BY judged.id
LIMIT %(most_rows)s
