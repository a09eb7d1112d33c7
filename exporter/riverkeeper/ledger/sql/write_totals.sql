-- Question: (writes) the totals that rose. Called under lock_ledger with values already added up.
-- Index: ledger_total's primary key.
-- NULL: last as in read_finished.
INSERT INTO keeper.ledger_total (measure, queue, kind, label, buckets, counts, micros, last)
SELECT r.measure, r.queue, r.kind, r.label, r.buckets, r.counts, r.micros, r.last
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    measure text, queue text, kind text, label text,
    buckets smallint[], counts bigint[], micros bigint[], last double precision
)
ON CONFLICT (measure, queue, kind, label) DO UPDATE SET
    buckets = excluded.buckets,
    counts = excluded.counts,
    micros = excluded.micros,
    last = excluded.last
