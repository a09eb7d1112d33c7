-- Question: When was the newest checkpoint of each claim's job saved, and did the claim resume from one?
-- Index: the primary key of checkpoint. The values are never read.
-- NULL: never; a job without a checkpoint has no row.
SELECT
    claim.job_id,
    extract(epoch FROM (array_agg(c.saved_at ORDER BY c.generation DESC))[1])::double precision AS saved_at,
    bool_or(c.resumed_at = claim.attempted_at) AS resumed
FROM unnest(%(job_ids)s::bigint[], %(claimed_at)s::timestamptz[]) AS claim (job_id, attempted_at)
JOIN keeper.checkpoint AS c ON c.job_id = claim.job_id
GROUP BY claim.job_id
