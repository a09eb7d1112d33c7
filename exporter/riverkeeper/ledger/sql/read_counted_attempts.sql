-- Question: Up to which attempt are these jobs counted? Called under lock_ledger.
-- Index: ledger_attempt's primary key.
-- NULL: never; no row means that nothing is stored of the job.
SELECT a.job_id, a.attempt, a.rescues, a.seen_at
FROM keeper.ledger_attempt AS a
WHERE a.job_id = ANY (%(job_ids)s::bigint[])
