-- Question: Stands in for the audit of rescues where there is none, or where this login may not read it.
-- Index: none.
-- NULL: every column; there is never a row.
SELECT NULL::bigint AS job_id, NULL::boolean AS dry_run, NULL::text AS action, NULL::timestamptz AS at WHERE false
