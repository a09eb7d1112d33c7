-- Question: which rows were in these slots when they were last read?
-- Index: ledger_slot's primary key.
-- NULL: never; no row means that the slot was never read, or was empty.
SELECT s.slot, s.mark FROM keeper.ledger_slot AS s WHERE s.slot = ANY (%(slots)s::bigint[])
