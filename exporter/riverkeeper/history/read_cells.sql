-- Question: what was already seen in the slots just read?
-- Index: ledger_cell's primary key, by slot.
-- NULL: last as in read_finished.
SELECT c.slot, c.measure, c.queue, c.kind, c.label, c.buckets, c.counts, c.micros, c.attempts, c.last
FROM keeper.ledger_cell AS c
WHERE c.slot = ANY (%(slots)s::bigint[])
