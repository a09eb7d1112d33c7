-- Question: how long did the completed runs of each kind take, day by day, so that limits can be learned from them?
-- Index: the primary key; a row for each kind and day, for a month.
-- NULL: never.
CREATE TABLE keeper.run_day (
    day    integer NOT NULL,                   -- Unix days, UTC, of the database's clock when they were counted
    kind   text NOT NULL,
    counts bigint[] NOT NULL,                  -- runs by position in EDGES of ledger/counts.py, from the first
    PRIMARY KEY (day, kind)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);  -- today's rows are rewritten at every collection
