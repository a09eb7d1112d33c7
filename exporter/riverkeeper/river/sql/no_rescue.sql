-- Question: what is read in place of the audit of rescues, where there is none or it may not be read?
-- Index: none.
-- NULL: all of it; there is never a row.
SELECT NULL::bigint AS job_id, NULL::boolean AS dry_run, NULL::text AS action, NULL::timestamptz AS at WHERE false
