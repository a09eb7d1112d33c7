-- Question: (writes) Removes the fence from River's table.
-- Index: none.
-- NULL: never.
DROP TRIGGER IF EXISTS riverkeeper_fence ON river.river_job;
DROP TRIGGER IF EXISTS riverkeeper_fence_strip ON river.river_job;
