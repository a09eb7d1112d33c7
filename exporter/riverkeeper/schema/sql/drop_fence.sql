-- Question: (taken from River's table) the fence.
-- Index: none.
-- NULL: never.
DROP TRIGGER IF EXISTS riverkeeper_fence ON river.river_job;
DROP TRIGGER IF EXISTS riverkeeper_fence_strip ON river.river_job;
