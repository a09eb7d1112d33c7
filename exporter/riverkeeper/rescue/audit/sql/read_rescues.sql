-- Question: which rescues were made, or recorded in a dry run, newest first?
-- Index: rescue_by_time, backwards, once for rescues and once for dry runs; a filter reads on until enough rows are
-- found, at most all that audit_retention keeps.
-- NULL: a filter that is NULL does not apply; columns as in 003_rescue.
SELECT
    r.id, r.dry_run, r.job_id, r.attempt, r.queue, r.kind, r.tier, r.reason, r.action, r.state_after, r.evidence,
    r.woken_by, r.late_seconds, r.old_worker, r.old_outcome, r.was_false, r.resumed,
    to_char(r.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    extract(epoch FROM r.at)::double precision AS at,
    extract(epoch FROM r.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM r.old_worker_at)::double precision AS old_worker_at,
    extract(epoch FROM r.closed_at)::double precision AS closed_at
FROM unnest(ARRAY[false, true]) AS sort (dry_run)
CROSS JOIN LATERAL (
    SELECT found.*
    FROM keeper.rescue AS found
    WHERE found.dry_run = sort.dry_run
      AND (%(queue)s::text IS NULL OR found.queue = %(queue)s::text)
      AND (%(kind)s::text IS NULL OR found.kind = %(kind)s::text)
      AND (%(tier)s::text IS NULL OR found.tier = %(tier)s::text)
      AND (%(reason)s::text IS NULL OR found.reason = %(reason)s::text)
      AND (%(job_id)s::bigint IS NULL OR found.job_id = %(job_id)s::bigint)
    ORDER BY found.at DESC, found.id DESC
    LIMIT %(shown)s::integer
) AS r
ORDER BY r.at DESC, r.id DESC
LIMIT %(shown)s::integer
