-- Question: how many jobs does the planner expect in one state that holds more than can be counted?
-- Index: none is read; the answer is the plan's row estimate, from the statistics of the last ANALYZE.
-- NULL: never.
EXPLAIN (FORMAT JSON)
SELECT 1
FROM river.river_job AS j
WHERE j.state = %(state)s::text::river.river_job_state
