-- Question: what does Riverkeeper store about finished jobs, so that each is counted once?
-- Index: primary keys only. Slots come and go within half an hour, totals stay.
-- NULL: ledger.progress is NULL until the first collection.
CREATE TABLE keeper.ledger (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch     integer NOT NULL DEFAULT 1,      -- rises when the totals start again from 0
    server    text,                            -- system identifier and timeline; another one may have lost commits
    late_rows bigint NOT NULL DEFAULT 0,
    stamp     bigint NOT NULL DEFAULT 0,       -- another random number at each write: an equal one means that no replica wrote
    progress  jsonb
);
INSERT INTO keeper.ledger DEFAULT VALUES;

CREATE TABLE keeper.ledger_slot (
    slot   bigint PRIMARY KEY,                 -- Unix seconds of finalized_at / 10
    mark   bigint NOT NULL,                    -- which rows were there when it was last read; the same: nothing to do
    closed boolean NOT NULL,                   -- too many kinds to tell apart: one that is new here is in the rest
    cells  json NOT NULL                       -- the most that was ever seen there, by series (ledger/store.py)
);

CREATE TABLE keeper.ledger_total (
    measure  text NOT NULL,
    queue    text NOT NULL,
    kind     text NOT NULL,
    label    text NOT NULL,
    buckets  smallint[] NOT NULL,              -- positions in EDGES of ledger/counts.py
    counts   bigint[] NOT NULL,
    micros   bigint[] NOT NULL,
    last     double precision,
    PRIMARY KEY (measure, queue, kind, label)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);  -- every row is rewritten at every collection

CREATE TABLE keeper.ledger_name (
    queue   text NOT NULL,
    kind    text NOT NULL,                     -- '' is the queue itself; no job has an empty kind
    seen_at double precision NOT NULL,
    PRIMARY KEY (queue, kind)
) WITH (fillfactor = 70);
