-- Question: may the queue's jobs be fetched? Pausing twice keeps the first moment.
-- Index: river_queue's primary key.
-- NULL: paused_at is NULL where the queue is not paused.
UPDATE river.river_queue AS q
SET paused_at = CASE WHEN %(paused)s THEN coalesce(q.paused_at, now()) END, updated_at = now()
WHERE q.name = %(queue)s AND (q.paused_at IS NOT NULL) <> %(paused)s
