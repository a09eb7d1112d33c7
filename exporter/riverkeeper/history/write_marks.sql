-- Question: (writes) which rows were in the slots just read. Called under lock_ledger.
-- Index: ledger_slot's primary key.
-- NULL: never.
INSERT INTO keeper.ledger_slot (slot, mark)
SELECT r.slot, r.mark FROM unnest(%(slots)s::bigint[], %(marks)s::bigint[]) AS r (slot, mark)
ON CONFLICT (slot) DO UPDATE SET mark = excluded.mark
