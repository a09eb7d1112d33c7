-- Question: (writes) what did the previous workers of these rescues do, as far as it is known now?
-- Index: rescue's primary key, in its order; a row that another replica has locked is left to that replica.
-- NULL: a moment or an outcome that is not known; was_false where it is not known, or not yet. Only rows with news are
-- returned. A row that was once false stays false, and a closed row changes only into that.
UPDATE keeper.rescue AS r
SET
    old_worker = news.old_worker,
    old_worker_at = to_timestamp(news.at),
    old_outcome = news.outcome,
    closed_at = CASE WHEN news.closed THEN clock_timestamp() END,
    was_false = CASE WHEN r.was_false THEN true ELSE news.was_false END
FROM (
    SELECT n.*
    FROM unnest(
        %(ids)s::bigint[], %(old_workers)s::text[], %(ats)s::double precision[], %(outcomes)s::text[],
        %(closed)s::boolean[], %(was_false)s::boolean[]
    ) AS n (id, old_worker, at, outcome, closed, was_false)
    JOIN keeper.rescue AS held ON held.id = n.id
    WHERE held.closed_at IS NULL OR n.was_false AND held.was_false IS NOT TRUE
    ORDER BY n.id
    FOR UPDATE OF held SKIP LOCKED
) AS news
WHERE r.id = news.id
RETURNING r.id
