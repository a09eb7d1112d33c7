-- Question: Stands in for the counted attempts where there is no such table, or where they are counted in memory.
-- Index: none.
-- NULL: every column; there is never a row.
SELECT NULL::bigint AS job_id, NULL::smallint AS attempt, NULL::integer AS rescues, NULL::double precision AS seen_at WHERE false
