-- Question: Lists the queues of river_queue, whether each is paused, and when a producer last refreshed its row.
-- Index: river_queue's primary key; the table has a row for each queue, and at most max_queues are read.
-- NULL: never.
SELECT
    q.name,
    q.paused_at IS NOT NULL AS paused,
    extract(epoch FROM q.updated_at)::double precision AS updated_at
FROM river.river_queue AS q
ORDER BY q.name
LIMIT %(max_queues)s
