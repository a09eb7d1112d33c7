-- Question: (deletes) marks of slots that are never read again.
-- Index: ledger_slot's primary key, from its beginning.
-- NULL: never.
DELETE FROM keeper.ledger_slot AS m WHERE m.slot < %(pruned_to)s
