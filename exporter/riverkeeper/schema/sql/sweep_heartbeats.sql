-- Question: (writes) Deletes heartbeats whose claim is over, and whose row nobody has written for ten minutes; and their
-- stacks, unless the audit has a rescue of the claim.
-- Index: heartbeat's primary key, all of it in its order; river_job's primary key for the old ones (OFFSET 0: each job
-- is looked up by its id); stack's primary key; rescue_once_a_claim, rescue_stop_once and rescue_dry_once. Locked before
-- they are deleted, without waiting: a beat or a rescue under way keeps its row.
-- NULL: never; gives how many were deleted. A row whose job still runs under the claim stays, however old: it is what a rescue
-- locks, and lost_at on it keeps a late worker out.
WITH forgotten AS (
    SELECT h.job_id, h.attempted_at
    FROM keeper.heartbeat AS h
    WHERE greatest(h.beat_at, h.ended_at, h.lost_at) < now() - interval '10 minutes'
      AND NOT EXISTS (
          SELECT
          FROM river.river_job AS j
          WHERE j.id = h.job_id
            AND j.state = 'running'
            AND j.attempt = h.attempt
            AND j.attempted_at = h.attempted_at
          OFFSET 0
      )
    ORDER BY h.job_id, h.attempted_at
    LIMIT %(most)s
    FOR UPDATE OF h SKIP LOCKED
), swept AS (
    DELETE FROM keeper.heartbeat AS h
    USING forgotten
    WHERE h.job_id = forgotten.job_id AND h.attempted_at = forgotten.attempted_at
    RETURNING h.job_id, h.attempted_at
), stacks AS (
    DELETE FROM keeper.stack AS s
    USING swept
    WHERE s.job_id = swept.job_id AND s.attempted_at = swept.attempted_at
      AND NOT EXISTS (
          SELECT FROM keeper.rescue AS r
          WHERE r.job_id = s.job_id AND r.attempted_at = s.attempted_at AND NOT r.dry_run AND r.action <> 'stop'
      )
      AND NOT EXISTS (
          SELECT FROM keeper.rescue AS r
          WHERE r.job_id = s.job_id AND r.attempted_at = s.attempted_at AND NOT r.dry_run AND r.action = 'stop'
      )
      AND NOT EXISTS (
          SELECT FROM keeper.rescue AS r WHERE r.job_id = s.job_id AND r.attempted_at = s.attempted_at AND r.dry_run
      )
)
SELECT count(*) AS rows FROM swept
