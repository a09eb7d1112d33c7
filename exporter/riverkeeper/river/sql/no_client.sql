-- Question: Stands in for the table of worker processes where there is none, or where this login may not read it.
-- Index: none.
-- NULL: every column; there is never a row, so that the planner drops a join with it.
SELECT
    NULL::text AS client_id,
    NULL::text AS software
WHERE false
