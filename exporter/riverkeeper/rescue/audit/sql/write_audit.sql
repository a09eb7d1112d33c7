-- Question: (writes) what was done, or would have been, to which claims, and on what evidence? Once for each claim.
-- Index: rescue_once_a_claim, rescue_stop_once, rescue_dry_once.
-- NULL: state_after and scheduled_at where the job is not written; late_seconds where no limit was passed. A row is
-- missing from the result: the audit has it already.
INSERT INTO keeper.rescue (
    at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, state_after, scheduled_at,
    evidence, woken_by, keeper, late_seconds
)
SELECT
    to_timestamp(w.at), w.dry_run, w.job_id, w.attempted_at, w.attempt, w.queue, w.kind, w.priority, w.tier, w.reason,
    w.action, w.state_after, to_timestamp(w.scheduled_at), w.evidence, w.woken_by, w.keeper, w.late_seconds
FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
    at double precision, dry_run boolean, job_id bigint, attempted_at timestamptz, attempt smallint, queue text,
    kind text, priority smallint, tier text, reason text, action text, state_after text, scheduled_at double precision,
    evidence jsonb, woken_by text, keeper uuid, late_seconds double precision
)
ON CONFLICT DO NOTHING
RETURNING id
