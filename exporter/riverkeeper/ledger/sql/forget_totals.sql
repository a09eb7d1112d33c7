-- Question: (deletes) totals whose name is no longer kept; if it comes back it begins at 0. Under lock_ledger.
-- Index: none needed, the table has a few rows for each exported name.
-- NULL: never; an empty kind is a whole queue.
DELETE FROM keeper.ledger_total AS t
USING jsonb_to_recordset(%(rows)s::jsonb) AS r (queue text, kind text)
WHERE t.queue = r.queue AND (t.kind = r.kind OR r.kind = '')
