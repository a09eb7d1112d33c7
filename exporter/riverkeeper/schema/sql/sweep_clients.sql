-- Question: (writes) Deletes the worker processes that have not beaten for an hour and hold no job.
-- Index: the table is small: one row a process. The running rows of river_job by
-- river_job_prioritized_fetching_index, once, and only where a process has not beaten for an hour.
-- NULL: never; gives how many were deleted. A row stays while a running job has its client id: of a job that never beat,
-- the process that does not beat is the only trace.
WITH swept AS (
    DELETE FROM keeper.client AS c
    WHERE c.beat_at < now() - interval '1 hour'
      AND c.instance = ANY (ARRAY(
          SELECT stale.instance
          FROM keeper.client AS stale
          WHERE stale.beat_at < now() - interval '1 hour'
            AND stale.client_id <> ALL (ARRAY(
                SELECT DISTINCT j.attempted_by[cardinality(j.attempted_by)]
                FROM river.river_job AS j
                WHERE j.state = 'running' AND cardinality(j.attempted_by) > 0
            ))
          ORDER BY stale.instance
          LIMIT %(most)s
      ))
    RETURNING c.instance
)
SELECT count(*) AS rows FROM swept
