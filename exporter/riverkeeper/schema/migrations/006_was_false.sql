-- Question: was a rescue false? Decided once, when it is followed up, and read everywhere from here.
-- Index: none; it is read with its row.
-- NULL: not known: still open where closed_at is NULL, else it cannot be known.
ALTER TABLE keeper.rescue ADD COLUMN was_false boolean;
UPDATE keeper.rescue AS r
SET was_false = r.old_worker <> 'silent' AND (r.dry_run OR r.action <> 'stop')
    AND (r.reason IN ('worker_lost', 'orphaned') OR r.old_outcome = 'completed') IS TRUE
WHERE r.old_worker IN ('silent', 'beat', 'finished');
