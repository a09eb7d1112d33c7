-- Question: (writes) tell River's clients to cancel their work on these jobs; sent when the transaction commits.
-- Index: the system catalog's own. The topic is that of clients which find River's table in its own schema.
-- NULL: never.
-- It names no claim: whoever works the job when it arrives is cancelled for good (docs/guarded-rescue.md says the price).
SELECT pg_notify(
    n.nspname || '.river_control',
    json_build_object('action', 'cancel', 'job_id', w.job_id, 'queue', w.queue)::text
)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (job_id bigint, queue text)
CROSS JOIN pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.reltype = pg_typeof(NULL::river.river_job)::oid
