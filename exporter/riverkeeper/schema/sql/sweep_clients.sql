-- Question: (writes) which worker processes have not beaten for an hour, and hold no job any more?
-- Index: the table is small: one row a process. The running rows of river_job by
-- river_job_prioritized_fetching_index, once, and only where a process has not beaten for so long.
-- NULL: never; how many are gone. A row whose client id stands on a running job stays: that the process does not beat is
-- all that is known of a job that never beat.
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
