-- Question: (deletes) cells of slots that are never read again.
-- Index: ledger_cell's primary key, from its beginning.
-- NULL: never.
DELETE FROM keeper.ledger_cell AS c WHERE c.slot < %(pruned_to)s
