-- Question: (writes) who stops every rescue of every replica, and why? Who pulled it first stays named.
-- Index: none: one row.
-- NULL: stopped_why where no reason was given.
UPDATE keeper.control AS c
SET stopped_at = coalesce(c.stopped_at, clock_timestamp()),
    stopped_by = CASE WHEN c.stopped_at IS NULL THEN %(who)s::text ELSE c.stopped_by END,
    stopped_why = CASE WHEN c.stopped_at IS NULL THEN %(why)s::text ELSE c.stopped_why END
RETURNING extract(epoch FROM c.stopped_at)::double precision AS stopped_at, c.stopped_by, c.stopped_why
