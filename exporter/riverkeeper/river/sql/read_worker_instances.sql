-- Question: Lists the worker processes that beat, with their client id and their kinds.
-- Index: none; a row for each process, deleted an hour after its last beat. At most max_rows, the latest beats first.
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
ORDER BY c.beat_at DESC
LIMIT %(max_rows)s
