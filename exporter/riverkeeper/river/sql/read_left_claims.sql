-- Question: Counts the outcomes of the claims that these worker processes held at their last beat, as their heartbeats and jobs show them.
-- Index: none for the heartbeat table, which has a row for each claim of the last ten minutes; client's primary key; river_job_pkey
-- for each claim that no rescue took (OFFSET 0: each job is looked up by its id).
-- NULL: never. A process is missing: it held no claim whose heartbeats are still there.
-- Taken: a rescue took the claim away. Ended: by the client's report, or the job's row still has the claim and does not run.
-- Unknown: the job was claimed again or is deleted. Work that was given up is reported after the last beat, or with it.
SELECT
    h.instance::text AS instance,
    count(*) FILTER (WHERE h.lost_at IS NOT NULL) AS taken,
    count(*) FILTER (WHERE h.outcome = 'abandoned') AS gave_up,
    count(*) FILTER (
        WHERE h.lost_at IS NULL AND (h.outcome = 'completed' OR j.state = 'completed') AND j.state IS DISTINCT FROM 'running'
    ) AS completed,
    count(*) FILTER (
        WHERE h.lost_at IS NULL AND (h.outcome <> 'completed' OR h.outcome IS NULL AND j.state <> 'completed')
            AND j.state IS DISTINCT FROM 'running'
    ) AS ended,
    count(*) FILTER (WHERE h.lost_at IS NULL AND h.outcome IS NULL AND j.state IS NULL) AS unknown
FROM keeper.heartbeat AS h
JOIN keeper.client AS c ON c.instance = h.instance
LEFT JOIN LATERAL (
    SELECT CASE WHEN r.attempt = h.attempt AND r.attempted_at = h.attempted_at THEN r.state::text END AS state
    FROM river.river_job AS r
    WHERE r.id = h.job_id
    OFFSET 0
) AS j ON h.lost_at IS NULL
WHERE h.instance = ANY (%(instances)s::uuid[])
    AND greatest(h.beat_at, h.ended_at) >= CASE WHEN h.outcome = 'abandoned' THEN c.beat_at - c.beat_interval ELSE c.beat_at END
GROUP BY h.instance
