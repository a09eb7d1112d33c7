-- Question: what did the previous workers of these rescues do, after real rescues and after dry runs?
-- Index: rescue_open; late_result_by_claim, and late_result_by_time for rows that were closed before their late result
-- came (read with the first page); rescue_once_a_claim; primary keys of heartbeat, client and river_job (OFFSET 0
-- makes the planner look up each by its id). Claims that never beat find their process by its client id, and read all
-- of client.
-- NULL: late_* where the fence dropped no result of the claim; outcome and ended_at where no end was reported;
-- worker_beat_at where no process that may have held the claim is known; state, is_claim and is_rescued where the job is
-- deleted; written_outcome where no result of the claim was written after a real rescue.
SELECT
    r.id,
    r.dry_run,
    r.queue,
    r.kind,
    r.reason,
    r.action,
    r.old_worker,
    r.was_false,
    r.closed_at,
    r.evidence -> 'lease' IS NOT NULL AS leased,
    extract(epoch FROM late.at)::double precision AS late_at,
    late.outcome AS late_outcome,
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
    END)::double precision AS worker_beat_at,
    j.state,
    j.is_claim,
    j.is_rescued,
    CASE WHEN NOT r.dry_run AND r.action <> 'stop' THEN j.late_work END AS written_outcome
FROM (
    (SELECT o.* FROM keeper.rescue AS o WHERE o.closed_at IS NULL AND o.id > %(after)s ORDER BY o.id LIMIT %(most)s)
    UNION ALL
    (
        SELECT c.*
        FROM keeper.late_result AS l
        CROSS JOIN LATERAL (
            SELECT d.*
            FROM keeper.rescue AS d
            WHERE d.job_id = l.job_id AND d.attempted_at = l.claimed_at AND NOT d.dry_run AND d.action <> 'stop'
            OFFSET 0
        ) AS c
        WHERE %(after)s = 0 AND l.at > now() - interval '10 minutes' AND c.closed_at < l.at AND c.was_false IS NOT TRUE
        LIMIT %(most)s
    )
) AS r
LEFT JOIN LATERAL (  -- the first one; a claim has one result, which River may try to write again
    SELECT n.at, CASE WHEN n.outcome <> 'unknown' THEN n.outcome END AS outcome
    FROM (
        SELECT l.* FROM keeper.late_result AS l WHERE l.job_id = r.job_id AND l.claimed_at = r.attempted_at OFFSET 0
    ) AS n
    WHERE n.at >= r.at
    ORDER BY n.at
    LIMIT 1
) AS late ON true
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
        ) AS is_rescued,
        CASE  -- no attempt after a rescue has its number again; River for Java writes a result also if nothing runs
            WHEN w.attempted_at = r.attempted_at AND w.attempt = r.attempt AND w.state = 'completed' THEN 'completed'
            WHEN w.attempted_at = r.attempted_at AND w.attempt = r.attempt - 1 THEN 'snoozed'
            WHEN (
                SELECT max(e.place) FILTER (WHERE e.error ->> 'error' NOT LIKE 'Stuck job rescued by %%')
                    > min(e.place) FILTER (WHERE e.error ->> 'error' LIKE 'Stuck job rescued by %%')
                FROM unnest(w.errors) WITH ORDINALITY AS e (error, place)
                WHERE e.error ->> 'attempt' = r.attempt::text
            ) THEN 'failed'
        END AS late_work
    FROM river.river_job AS w
    WHERE w.id = r.job_id
    OFFSET 0
) AS j ON true
ORDER BY r.id
