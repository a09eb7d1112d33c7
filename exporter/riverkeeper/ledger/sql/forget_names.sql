-- Question: (deletes) names that are no longer kept. Called under lock_ledger.
-- Index: ledger_name's primary key.
-- NULL: never.
DELETE FROM keeper.ledger_name AS n
USING jsonb_to_recordset(%(rows)s::jsonb) AS r (queue text, kind text)
WHERE n.queue = r.queue AND n.kind = r.kind
