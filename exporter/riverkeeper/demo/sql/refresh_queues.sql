-- Question: which queues have a producer? Each says so when it starts, and every ten minutes.
-- Index: river_queue's primary key, once for each queue.
-- NULL: paused_at stays as it is.
INSERT INTO river.river_queue (name, created_at, updated_at)
SELECT name, now(), now() FROM unnest(%(queues)s::text[]) AS name ORDER BY name
ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at
