-- Question: (writes) names that were seen. Called under lock_ledger.
-- Index: ledger_name's primary key.
-- NULL: never.
INSERT INTO keeper.ledger_name (queue, kind, seen_at)
SELECT r.queue, r.kind, r.seen_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (queue text, kind text, seen_at double precision)
ON CONFLICT (queue, kind) DO UPDATE SET seen_at = excluded.seen_at
