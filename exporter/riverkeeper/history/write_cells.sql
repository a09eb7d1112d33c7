-- Question: (writes) the cells that rose. Called under lock_ledger with values already merged.
-- Index: ledger_cell's primary key.
-- NULL: last as in read_finished.
INSERT INTO keeper.ledger_cell (slot, measure, queue, kind, label, buckets, counts, micros, attempts, last)
SELECT r.slot, r.measure, r.queue, r.kind, r.label, r.buckets, r.counts, r.micros, r.attempts, r.last
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    slot bigint, measure text, queue text, kind text, label text,
    buckets smallint[], counts bigint[], micros bigint[], attempts bigint[], last double precision
)
ON CONFLICT (slot, measure, queue, kind, label) DO UPDATE SET
    buckets = excluded.buckets,
    counts = excluded.counts,
    micros = excluded.micros,
    attempts = excluded.attempts,
    last = excluded.last
