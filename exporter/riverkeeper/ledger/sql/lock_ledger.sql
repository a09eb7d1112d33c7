-- Question: how far has the ledger come, and are we the one replica that writes it now?
-- Index: one row, locked until the transaction ends.
-- NULL: as in read_ledger; no row means that another replica is writing at this moment.
SELECT l.epoch, l.server, l.late_rows, l.stamp, l.progress FROM keeper.ledger AS l FOR UPDATE SKIP LOCKED
