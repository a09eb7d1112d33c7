-- Question: (writes) what was done, or would have been, to which claim, and on what evidence? Once a claim.
-- Index: rescue_once_a_claim, rescue_stop_once, rescue_dry_once.
-- NULL: state_after and scheduled_at where the job is not written; late_seconds where no limit was passed. No row: it
-- has been written before.
INSERT INTO keeper.rescue (
    at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, state_after, scheduled_at,
    evidence, woken_by, keeper, late_seconds
)
VALUES (
    to_timestamp(%(at)s::double precision), %(dry_run)s::boolean, %(job_id)s::bigint, %(attempted_at)s::timestamptz,
    %(attempt)s::smallint, %(queue)s::text, %(kind)s::text, %(priority)s::smallint, %(tier)s::text, %(reason)s::text,
    %(action)s::text, %(state_after)s::text, to_timestamp(%(scheduled_at)s::double precision), %(evidence)s::jsonb,
    %(woken_by)s::text, %(keeper)s::uuid, %(late_seconds)s::double precision
)
ON CONFLICT DO NOTHING
RETURNING id
