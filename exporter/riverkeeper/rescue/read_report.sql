-- Question: of the claims that were taken away, or in a dry run would have been, how many had a worker that was alive?
-- Index: rescue_by_time.
-- NULL: nothing here is. A claim counts once, however many reasons or acts it saw; alive as soon as one row says so.
WITH claim AS (
    SELECT
        r.tier, r.kind, r.dry_run,
        coalesce(bool_or(r.old_worker IN ('beat', 'finished')), false) AS alive,
        coalesce(bool_or(r.old_worker = 'silent'), false) AS silent,
        bool_or(r.closed_at IS NULL) AS watched
    FROM keeper.rescue AS r
    WHERE r.at >= now() - make_interval(secs => %(since)s::double precision)
    GROUP BY r.tier, r.kind, r.dry_run, r.job_id, r.attempted_at
)
SELECT
    c.tier, c.kind, c.dry_run,
    count(*) AS claims,
    count(*) FILTER (WHERE c.alive) AS false_ones,
    count(*) FILTER (WHERE NOT c.alive AND c.silent) AS lost,
    count(*) FILTER (WHERE NOT c.alive AND NOT c.silent AND c.watched) AS watched
FROM claim AS c
GROUP BY c.tier, c.kind, c.dry_run
ORDER BY c.tier, c.kind, c.dry_run
