-- Question: of the claims that were taken away, or in a dry run would have been, how many wrongly?
-- Index: rescue_by_time.
-- NULL: nothing here is. A claim counts once, however many reasons or acts it saw; wrong as soon as one row says so.
-- A live request to stop takes nothing away. What is wrong, rescue/old_worker.py says (is_false).
WITH fate AS (
    SELECT
        r.tier, r.kind, r.dry_run, r.job_id, r.attempted_at, r.closed_at,
        r.old_worker IN ('silent', 'finished', 'beat') AS known,
        r.old_worker IN ('finished', 'beat')
            AND (r.reason IN ('worker_lost', 'orphaned') OR r.old_outcome = 'completed') AS wrong
    FROM keeper.rescue AS r
    WHERE r.at >= now() - make_interval(secs => %(since)s::double precision)
      AND (r.dry_run OR r.action <> 'stop')
),
claim AS (
    SELECT
        f.tier, f.kind, f.dry_run,
        coalesce(bool_or(f.wrong), false) AS wrong,
        coalesce(bool_or(f.known), false) AS known,
        bool_or(f.closed_at IS NULL) AS watched
    FROM fate AS f
    GROUP BY f.tier, f.kind, f.dry_run, f.job_id, f.attempted_at
)
SELECT
    c.tier, c.kind, c.dry_run,
    count(*) AS claims,
    count(*) FILTER (WHERE c.wrong) AS false_ones,
    count(*) FILTER (WHERE c.known AND NOT c.wrong) AS right_ones,
    count(*) FILTER (WHERE NOT c.known AND c.watched) AS watched
FROM claim AS c
GROUP BY c.tier, c.kind, c.dry_run
ORDER BY c.tier, c.kind, c.dry_run
