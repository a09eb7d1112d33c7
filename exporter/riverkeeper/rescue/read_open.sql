-- Question: what has become of the old workers of these rescues, real ones and dry runs?
-- Index: rescue_open; primary keys of heartbeat, client and river_job (OFFSET 0 has each looked up by its id). Claims
-- that never beat ask for their process by its client id, and so read all of client.
-- NULL: outcome and ended_at where no end was told; heard_at where no process that may have held the claim is known;
-- state, is_claim and is_rescued where the job is deleted.
SELECT
    r.id,
    r.dry_run,
    r.queue,
    r.kind,
    r.reason,
    r.action,
    r.old_worker,
    r.evidence ->> 'beats' AS beats,
    extract(epoch FROM r.at)::double precision AS at,
    extract(epoch FROM clock_timestamp())::double precision AS now,
    h.outcome,
    extract(epoch FROM h.ended_at)::double precision AS ended_at,
    extract(epoch FROM CASE
        WHEN h.instance <> r.keeper THEN (SELECT c.beat_at FROM keeper.client AS c WHERE c.instance = h.instance)
        ELSE (
            SELECT max(c.beat_at)
            FROM keeper.client AS c
            WHERE c.client_id = r.evidence ->> 'client_id' AND c.started_at <= r.attempted_at
        )
    END)::double precision AS heard_at,
    j.state,
    j.is_claim,
    j.is_rescued
FROM (
    SELECT o.* FROM keeper.rescue AS o WHERE o.closed_at IS NULL AND o.id > %(after)s ORDER BY o.id LIMIT %(most)s
) AS r
LEFT JOIN LATERAL (
    SELECT b.instance, b.outcome, b.ended_at
    FROM keeper.heartbeat AS b
    WHERE b.job_id = r.job_id AND b.attempted_at = r.attempted_at
    OFFSET 0
) AS h ON true
LEFT JOIN LATERAL (
    SELECT
        w.state::text AS state,
        coalesce(w.attempted_at = r.attempted_at AND w.attempt = r.attempt, false) AS is_claim,
        EXISTS (
            SELECT
            FROM unnest(w.errors) AS e (error)
            WHERE e.error ->> 'attempt' = r.attempt::text AND e.error ->> 'error' LIKE 'Stuck job rescued by %%'
        ) AS is_rescued
    FROM river.river_job AS w
    WHERE w.id = r.job_id
    OFFSET 0
) AS j ON true
ORDER BY r.id
