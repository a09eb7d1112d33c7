-- Question: which queues does River keep a row for, which are paused, and when did a producer last refresh it?
-- Index: river_queue's primary key; the table holds one row a queue (at most max_queues are read).
-- NULL: never.
SELECT
    q.name,
    q.paused_at IS NOT NULL AS paused,
    extract(epoch FROM q.updated_at)::double precision AS updated_at
FROM river.river_queue AS q
ORDER BY q.name
LIMIT %(max_queues)s
