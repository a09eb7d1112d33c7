-- Question: Lists the worker processes that have the given client id, or one of the given instances.
-- Index: none; a row for each process, deleted an hour after its last beat.
-- NULL: kinds where the process beats for every kind; those of pod and host that it does not report.
SELECT
    c.instance::text AS instance,
    c.client_id,
    extract(epoch FROM c.beat_at)::double precision AS beat_at,
    extract(epoch FROM c.beat_interval)::double precision AS beat_interval,
    extract(epoch FROM c.started_at)::double precision AS started_at,
    c.kinds,
    c.fences,
    c.software,
    c.pod_namespace,
    c.pod_name,
    c.pod_uid,
    c.host
FROM keeper.client AS c
WHERE c.client_id = %(client_id)s::text OR c.instance = ANY (%(instances)s::uuid[])
