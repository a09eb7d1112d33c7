-- Question: Which clients have a running job, or beat?
-- Index: river_job_prioritized_fetching_index, at most max_rows running rows; the table of worker processes whole, which is small.
-- NULL: never. At most `most` names.
SELECT known.client_id
FROM (
    SELECT j.attempted_by[cardinality(j.attempted_by)] AS client_id
    FROM (SELECT r.attempted_by FROM river.river_job AS r WHERE r.state = 'running' LIMIT %(max_rows)s) AS j
    UNION
    SELECT c.client_id FROM keeper.client AS c
) AS known
WHERE known.client_id IS NOT NULL
LIMIT %(most)s
