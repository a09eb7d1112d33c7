-- Question: Stands in for the table of worker processes where there is none, or where this login may not read it.
-- Index: none.
-- NULL: every column; there is never a row, so that the planner drops a join with it.
SELECT
    NULL::uuid AS instance,
    NULL::text AS client_id,
    NULL::text AS software,
    NULL::text AS pod_namespace,
    NULL::text AS pod_name,
    NULL::text AS pod_uid,
    NULL::text AS host
WHERE false
