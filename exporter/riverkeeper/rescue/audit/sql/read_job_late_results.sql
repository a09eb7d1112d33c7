-- Question: Which results of earlier claims of one job did the fence drop, newest first?
-- Index: late_result_by_claim.
-- NULL: claimed_at of a result without a readable token.
SELECT
    extract(epoch FROM l.at)::double precision AS at,
    extract(epoch FROM l.claimed_at)::double precision AS claimed_at,
    l.outcome
FROM (SELECT n.* FROM keeper.late_result AS n WHERE n.job_id = %(job_id)s OFFSET 0) AS l
ORDER BY l.at DESC
LIMIT %(most_rows)s
