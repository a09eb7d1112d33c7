-- Question: what was already seen in the slots just read?
-- Index: ledger_slot's primary key.
-- NULL: never; no row means that the slot was never read, or was empty.
SELECT s.slot, s.cells FROM keeper.ledger_slot AS s WHERE s.slot = ANY (%(slots)s::bigint[])
