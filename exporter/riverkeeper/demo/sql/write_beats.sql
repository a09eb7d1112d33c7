-- Question: which running jobs say that they live? metadata.health_check_at, by the worker's clock.
-- Index: river_job's primary key, once for each beat.
-- NULL: never; a job that is no longer running under its claim is left alone, a locked one skipped.
UPDATE river.river_job AS j
SET metadata = j.metadata || jsonb_build_object('health_check_at', beating.at)
FROM (
    SELECT locked.id, said.at
    FROM jsonb_to_recordset(%(beats)s::jsonb) AS said (id bigint, attempt smallint, client text, at text)
    JOIN river.river_job AS locked ON locked.id = said.id
    WHERE locked.state = 'running'
      AND locked.attempt = said.attempt
      AND locked.attempted_by[cardinality(locked.attempted_by)] = said.client
    ORDER BY locked.id
    FOR UPDATE OF locked SKIP LOCKED
) AS beating
WHERE j.id = beating.id
