-- Question: which jobs were inserted? Many of each kind at once, due at once.
-- Index: none to look up; every index of river_job grows.
-- NULL: attempted_at, attempted_by, errors and finalized_at stay NULL, as River leaves them.
INSERT INTO river.river_job (kind, queue, priority, max_attempts, args, metadata)
SELECT news.kind, news.queue, news.priority, news.max_attempts, jsonb_build_object('number', number), news.metadata
FROM jsonb_to_recordset(%(news)s::jsonb)
    AS news (kind text, queue text, priority smallint, max_attempts smallint, metadata jsonb, jobs integer)
CROSS JOIN LATERAL generate_series(1, news.jobs) AS number
