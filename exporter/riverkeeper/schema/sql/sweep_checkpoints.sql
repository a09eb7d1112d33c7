-- Question: (writes) Deletes checkpoints that no attempt resumes from any more, and that nobody has written for ten minutes.
-- Index: checkpoint's primary key, all of it in its order; river_job's and heartbeat's primary keys for the old ones
-- (OFFSET 0: each job is looked up by its id). Locked before they are deleted, without waiting.
-- NULL: never; gives how many were deleted. The checkpoint of a job that was discarded or cancelled stays as long as its
-- row: an operator may retry the job. An earlier claim's stays as long as that claim's heartbeat: its lost work is counted by it.
-- One that an attempt resumed from waits an hour for the ledger to count that.
WITH forgotten AS (
    SELECT k.job_id, k.attempted_at
    FROM keeper.checkpoint AS k
    WHERE k.saved_at < now() - interval '10 minutes'
      AND (k.resumes = k.resumes_counted OR k.resumed_at < now() - interval '1 hour')
      AND (
          NOT EXISTS (
              SELECT FROM river.river_job AS j WHERE j.id = k.job_id AND j.state <> 'completed' OFFSET 0
          )
          OR EXISTS (
              SELECT FROM keeper.checkpoint AS n WHERE n.job_id = k.job_id AND n.generation > k.generation
          )
          AND NOT EXISTS (
              SELECT FROM keeper.heartbeat AS h WHERE h.job_id = k.job_id AND h.attempted_at = k.attempted_at
          )
      )
    ORDER BY k.job_id, k.attempted_at
    LIMIT %(most)s
    FOR UPDATE OF k SKIP LOCKED
), swept AS (
    DELETE FROM keeper.checkpoint AS k
    USING forgotten
    WHERE k.job_id = forgotten.job_id AND k.attempted_at = forgotten.attempted_at
    RETURNING k.job_id
)
SELECT count(*) AS rows FROM swept
