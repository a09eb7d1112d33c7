-- Question: Lists the clients of River Pro whose row is stale.
-- Index: none; River Pro keeps a row for each producer, and deletes it five minutes after the last refresh.
-- NULL: never.
SELECT
    p.client_id AS client,
    extract(epoch FROM max(p.updated_at))::double precision AS last_seen_at
FROM river.river_producer AS p
GROUP BY p.client_id
HAVING max(p.updated_at) < now() - make_interval(secs => %(stale_seconds)s)
