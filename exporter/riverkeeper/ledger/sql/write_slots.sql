-- Question: (writes) what was seen in the slots just read. Called under lock_ledger with cells already merged.
-- Index: ledger_slot's primary key.
-- NULL: never.
INSERT INTO keeper.ledger_slot (slot, mark, closed, cells)
SELECT r.slot, r.mark, r.closed, r.cells
FROM json_to_recordset(%(rows)s::json) AS r (slot bigint, mark bigint, closed boolean, cells json)
ON CONFLICT (slot) DO UPDATE SET mark = excluded.mark, closed = excluded.closed, cells = excluded.cells
