-- Question: which processes have the client id that claimed the job, and when did they beat last?
-- Index: none; client has one row for each process, at most a few thousand. Read only for claims that have never
-- beaten.
-- NULL: never.
SELECT
    extract(epoch FROM c.beat_at)::double precision AS beat_at,
    extract(epoch FROM c.beat_interval)::double precision AS interval,
    extract(epoch FROM c.started_at)::double precision AS started_at,
    c.kinds IS NULL OR %(kind)s::text = ANY (c.kinds) AS beats_for_kind,
    c.fences,
    c.software
FROM keeper.client AS c
WHERE c.client_id = %(client_id)s::text
