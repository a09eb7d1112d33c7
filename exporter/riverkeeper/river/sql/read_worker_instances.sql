-- Question: which worker processes beat, under which client id, and for which kinds?
-- Index: none; a row for each process, swept an hour after its last word. At most max_rows, the youngest words first.
-- NULL: kinds where it beats for every kind.
SELECT
    c.instance::text AS instance,
    c.client_id,
    extract(epoch FROM c.beat_at)::double precision AS beat_at,
    extract(epoch FROM c.beat_interval)::double precision AS beat_interval,
    extract(epoch FROM c.started_at)::double precision AS started_at,
    c.kinds,
    c.fences
FROM keeper.client AS c
ORDER BY c.beat_at DESC
LIMIT %(max_rows)s
