-- Question: (writes) the runs that were just counted, added to those of their day. Called under lock_ledger.
-- Index: run_day's primary key.
-- NULL: never.
INSERT INTO keeper.run_day AS d (day, kind, counts)
SELECT r.day, r.kind, r.counts
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (day integer, kind text, counts bigint[])
ON CONFLICT (day, kind) DO UPDATE SET counts = ARRAY(
    SELECT coalesce(pair.before, 0) + coalesce(pair.more, 0)
    FROM unnest(d.counts, excluded.counts) WITH ORDINALITY AS pair (before, more, position)
    ORDER BY pair.position
)
