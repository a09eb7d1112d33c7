-- Question: of the claims that were taken away, or in a dry run would have been, how many rightly, how many wrongly, of how
-- many is it still open; and of those whose time is over, how many are known, and how many of them were wrong?
-- Index: rescue_by_time.
-- NULL: nothing here is. A claim counts once, however many reasons or acts it saw; wrong as soon as one row says so.
-- A live request to stop takes nothing away. A wrong one is known at once, a right one when its time is over: a rate over
-- younger claims would show the wrong ones alone.
WITH claim AS (
    SELECT
        r.tier, r.kind, r.dry_run,
        coalesce(bool_or(r.was_false), false) AS wrong,
        bool_or(r.was_false IS NOT NULL) AS known,
        bool_or(r.closed_at IS NULL) AS followed,
        max(r.at) <= now() - make_interval(
            secs => CASE WHEN r.dry_run THEN %(dry)s::double precision ELSE %(live)s::double precision END
        ) AS is_over
    FROM keeper.rescue AS r
    WHERE r.at >= now() - make_interval(secs => %(since)s::double precision)
      AND (r.dry_run OR r.action <> 'stop')
    GROUP BY r.tier, r.kind, r.dry_run, r.job_id, r.attempted_at
)
SELECT
    c.tier, c.kind, c.dry_run,
    count(*) AS claims,
    count(*) FILTER (WHERE c.wrong) AS false_ones,
    count(*) FILTER (WHERE c.known AND NOT c.wrong) AS right_ones,
    count(*) FILTER (WHERE NOT c.known AND c.followed) AS open,
    count(*) FILTER (WHERE c.known AND c.is_over) AS rated,
    count(*) FILTER (WHERE c.wrong AND c.is_over) AS rated_false
FROM claim AS c
GROUP BY c.tier, c.kind, c.dry_run
ORDER BY c.tier, c.kind, c.dry_run
