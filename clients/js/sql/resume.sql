-- Question: (writes) Which checkpoint does this attempt resume from: the newest of the job, whichever claim saved it?
-- Index: primary keys of river_job, heartbeat and checkpoint. Writes once for each claim that resumes from an earlier
-- one: that it did.
-- NULL: val, saved_at, attempt where the job has no checkpoint. No row: the claim is lost, and reads nothing.
--
-- Parameters: job_id bigint, attempted_at text (to the microsecond), attempt smallint.
WITH held AS MATERIALIZED (
    SELECT j.id, j.attempted_at
    FROM river.river_job AS j
    WHERE j.id = %(job_id)s::bigint
      AND j.state = 'running'
      AND j.attempt = %(attempt)s::smallint
      AND j.attempted_at = %(attempted_at)s::timestamptz
      AND NOT EXISTS (
          SELECT
          FROM keeper.heartbeat AS b
          WHERE b.job_id = j.id AND b.attempted_at = j.attempted_at AND b.lost_at IS NOT NULL
      )
),
newest AS MATERIALIZED (
    SELECT c.job_id, c.attempted_at, c.attempt, c.saved_at, c.value, h.attempted_at AS claimed_at
    FROM held AS h
    JOIN keeper.checkpoint AS c ON c.job_id = h.id
    ORDER BY c.generation DESC, c.attempted_at DESC
    LIMIT 1
),
resumed AS (
    UPDATE keeper.checkpoint AS c
    SET resumes = c.resumes + 1, resumed_at = n.claimed_at
    FROM newest AS n
    WHERE c.job_id = n.job_id
      AND c.attempted_at = n.attempted_at
      AND n.attempted_at <> n.claimed_at
      AND c.resumed_at <> n.claimed_at
)
SELECT n.value AS val, n.saved_at, n.attempt FROM held AS h LEFT JOIN newest AS n ON true
