-- Question: what has been counted of every series since the epoch began?
-- Index: none, the whole table is read: at most a few rows for each exported name.
-- NULL: last as in read_finished.
SELECT t.measure, t.queue, t.kind, t.label, t.buckets, t.counts, t.micros, t.last
FROM keeper.ledger_total AS t
