-- Question: (writes) up to which attempt these jobs are counted. Called under lock_ledger with the larger values.
-- Index: ledger_attempt's primary key.
-- NULL: never.
INSERT INTO keeper.ledger_attempt (job_id, attempt, rescues, seen_at)
SELECT r.job_id, r.attempt, r.rescues, %(now)s::double precision
FROM unnest(%(job_ids)s::bigint[], %(attempts)s::smallint[], %(rescues)s::integer[]) AS r (job_id, attempt, rescues)
ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, rescues = excluded.rescues, seen_at = excluded.seen_at
