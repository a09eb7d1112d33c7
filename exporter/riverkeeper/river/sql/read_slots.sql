-- Question: Counts the job slots of each queue: the max_workers of River Pro's producers that reported lately.
-- Index: none; River Pro keeps a row for each client and queue, and deletes it five minutes after the last refresh. At most
-- max_queues rows, in the order of their names.
-- NULL: never; a queue without a fresh producer has no row.
SELECT p.queue_name AS queue, sum(p.max_workers)::bigint AS slots
FROM river.river_producer AS p
WHERE p.updated_at >= now() - make_interval(secs => %(fresh)s)
GROUP BY p.queue_name
ORDER BY p.queue_name
LIMIT %(max_queues)s
