-- Question: (deletes) slots that are never read again.
-- Index: ledger_slot's primary key, from its beginning.
-- NULL: never.
DELETE FROM keeper.ledger_slot AS s WHERE s.slot < %(pruned_to)s
