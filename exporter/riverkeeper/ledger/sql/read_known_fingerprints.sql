-- Question: which rows were in these slots when they were last read, and were their kinds distinguished?
-- Index: ledger_slot's primary key.
-- NULL: never; no row means that the slot was never read, or was empty.
SELECT s.slot, s.mark, s.closed FROM keeper.ledger_slot AS s WHERE s.slot = ANY (%(slots)s::bigint[])
