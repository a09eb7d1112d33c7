-- Question: how far has the ledger come?
-- Index: one row.
-- NULL: progress is NULL before the first collection, server where it is unknown.
SELECT l.epoch, l.server, l.late_rows, l.stamp, l.progress FROM keeper.ledger AS l
