-- Question: which finished jobs are older than River keeps them? The leader's cleaner deletes them.
-- Index: river_job_state_and_finalized_at_index, a range of each final state.
-- NULL: never; live jobs have no finalized_at and are not looked at.
DELETE FROM river.river_job AS j
USING (
    SELECT old.id
    FROM river.river_job AS old
    WHERE old.finalized_at IS NOT NULL
      AND (
          old.state IN ('cancelled', 'completed') AND old.finalized_at < now() - %(keep)s * interval '1 second'
          OR old.state = 'discarded' AND old.finalized_at < now() - %(keep_discarded)s * interval '1 second'
      )
    ORDER BY old.id
    LIMIT 10000
) AS gone
WHERE j.id = gone.id
