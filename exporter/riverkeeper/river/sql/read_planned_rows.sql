-- Question: How many jobs does the planner expect in a state that has too many to count?
-- Index: none is read; the answer is the row estimate of the plan, from the last ANALYZE.
-- NULL: never.
EXPLAIN (FORMAT JSON)
SELECT 1
FROM river.river_job AS j
WHERE j.state = %(state)s::text::river.river_job_state
