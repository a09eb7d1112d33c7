-- Question: (writes) tokens left in rows that run, from a time when the fence was away.
-- Index: state, of the running rows only. All other rows lose theirs with their next update.
-- NULL: never.
UPDATE river.river_job AS j
SET metadata = j.metadata - 'riverkeeper:claim'
WHERE j.state = 'running' AND (j.metadata -> 'riverkeeper:claim') IS NOT NULL
