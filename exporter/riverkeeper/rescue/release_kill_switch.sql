-- Question: (writes) may rescues go on? As they were before the kill switch was pulled.
-- Index: none: one row.
-- NULL: no row where it was not pulled.
UPDATE keeper.control AS c
SET stopped_at = NULL, stopped_by = NULL, stopped_why = NULL
FROM (SELECT stopped_at, stopped_by FROM keeper.control FOR UPDATE) AS before
WHERE before.stopped_at IS NOT NULL
RETURNING extract(epoch FROM before.stopped_at)::double precision AS stopped_at, before.stopped_by
