-- Question: (writes) how far the ledger has come. Called under lock_ledger.
-- Index: one row.
-- NULL: server where it is unknown.
UPDATE keeper.ledger
SET epoch = %(epoch)s, server = %(server)s, late_rows = %(late_rows)s, stamp = %(stamp)s, progress = %(progress)s::jsonb
