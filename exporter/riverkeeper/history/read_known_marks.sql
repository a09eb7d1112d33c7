-- Question: which rows were in these slots when they were last read?
-- Index: ledger_slot's primary key.
-- NULL: never; no row means that the slot was never read, or was empty.
SELECT m.slot, m.mark FROM keeper.ledger_slot AS m WHERE m.slot = ANY (%(slots)s::bigint[])
