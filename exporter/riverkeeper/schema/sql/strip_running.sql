-- Question: (writes) Removes tokens from running rows that were written while the fence was not installed.
-- Index: state, of the running rows only. All other rows lose theirs with their next update.
-- NULL: never.
UPDATE river.river_job AS j
SET metadata = j.metadata - 'riverkeeper:claim'
WHERE j.state = 'running' AND (j.metadata -> 'riverkeeper:claim') IS NOT NULL
