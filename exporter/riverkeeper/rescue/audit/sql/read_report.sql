-- Question: how many claims did rescues take away, or would have in a dry run; how many of them were false, right, or
-- still open; and of those whose follow-up time is over, how many are known, and how many of these false?
-- Index: rescue_by_time.
-- NULL: nothing here is. A claim counts once, however many reasons or acts it had; it is false as soon as one row has
-- was_false. A live stop request takes nothing away. A false rescue is known at once, a right one only when its time
-- is over: a rate over younger claims would show false ones alone.
WITH claim AS (
    SELECT
        r.tier, r.kind, r.dry_run,
        coalesce(bool_or(r.was_false), false) AS is_false,
        bool_or(r.was_false IS NOT NULL) AS known,
        bool_or(r.closed_at IS NULL) AS is_open,
        max(r.at) <= now() - make_interval(
            secs => CASE WHEN r.dry_run THEN %(dry)s::double precision ELSE %(live)s::double precision END
        ) AS is_over
    FROM keeper.rescue AS r
    WHERE r.dry_run = ANY (ARRAY[false, true])  -- the index begins with it
      AND r.at >= now() - make_interval(secs => %(since)s::double precision)
      AND (r.dry_run OR r.action <> 'stop')
    GROUP BY r.tier, r.kind, r.dry_run, r.job_id, r.attempted_at
)
SELECT
    c.tier, c.kind, c.dry_run,
    count(*) AS claims,
    count(*) FILTER (WHERE c.is_false) AS false_claims,
    count(*) FILTER (WHERE c.known AND NOT c.is_false) AS right_claims,
    count(*) FILTER (WHERE NOT c.known AND c.is_open) AS open,
    count(*) FILTER (WHERE c.known AND c.is_over) AS rated,
    count(*) FILTER (WHERE c.is_false AND c.is_over) AS rated_false
FROM claim AS c
GROUP BY c.tier, c.kind, c.dry_run
ORDER BY c.tier, c.kind, c.dry_run
